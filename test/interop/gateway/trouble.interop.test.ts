import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JabberClient } from "../../lab/jabber-client.ts";
import { COMPONENT_SECRET, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";
import { connectComponent } from "../server-module/raw-component.ts";

const MINUTE = 60_000;
const USERS = Array.from({ length: 20 }, (_, index) => `user${index}`);
const ELSEWHERE = "elsewhere.test";

describe.each(installedServers())("in a storm of changes on a real %s, the gateway", (server) => {
  let site: Site;
  let bob: JabberClient;
  /** The meeting that each user is in now, by its id. */
  const present = new Map<string, string>();

  const mailboxOf = (user: string) => {
    const mailbox = site.exchange.findMailbox(`${user}@example.test`);
    if (!mailbox) throw new Error(`${user} has no mailbox`);
    return mailbox;
  };
  const turn = (user: string): void => {
    const id = present.get(user);
    if (id === undefined) {
      const start = Date.now() - MINUTE;
      present.set(user, mailboxOf(user).addMeeting({ start, end: start + 90 * MINUTE, status: "busy" }));
    } else {
      mailboxOf(user).removeMeeting(id);
      present.delete(user);
    }
  };
  const setAll = (isBusy: boolean): void => {
    for (const user of USERS) if (present.has(user) !== isBusy) turn(user);
  };
  const isRight = (user: string): boolean => {
    const { show, status, activity } = bob.view(`${user}@example.test`);
    const expected = present.has(user) ? "dnd|In a meeting|in_a_meeting" : "available||";
    return `${show}|${status}|${activity?.specific ?? ""}` === expected;
  };
  const settled = (limit = 30_000) =>
    bob
      .waitFor(() => USERS.every(isRight), "everybody as they are", limit)
      .catch((cause: unknown) => {
        throw new Error(`wrong: ${USERS.filter((user) => !isRight(user)).join(", ")}`, { cause });
      });
  const connectAll = async (resource: string): Promise<void> => {
    bob = await site.connect("bob", resource);
    await bob.sendPresence();
    for (const user of USERS) await (await site.connect(user, resource)).sendPresence();
  };
  const pause = (length: number) => new Promise((resolve) => setTimeout(resolve, length));
  /** Somebody's calendar changes every few milliseconds, until `stop`. */
  const startStorm = () => {
    const timer = setInterval(() => turn(USERS[Math.floor(Math.random() * USERS.length)] ?? "user0"), 15);
    return { stop: () => clearInterval(timer) };
  };

  beforeAll(async () => {
    site = await startSite({
      server,
      users: ["admin", "bob", ...USERS],
      rosters: USERS.map((user) => [user, "bob"] as const),
      otherComponents: [ELSEWHERE],
      stanzaBytes: 20_000_000,
    });
    await site.open(USERS);
    await connectAll("pc");
    setAll(true);
    await settled(90_000); // twenty clients log in meanwhile
  });
  afterAll(() => site.close());

  it("killed ten times at any instant, shows in the end what is so", async () => {
    const storm = startStorm();
    try {
      for (let kill = 0; kill < 10; kill++) {
        await pause(Math.random() * 900);
        await site.gateway.end("SIGKILL");
        await site.gateway.start("gateway.restored");
      }
    } finally {
      storm.stop();
    }
    await settled(60_000);
    // What is right is not sent again.
    const before = bob.seen.length;
    await site.gateway.end("SIGKILL");
    await site.gateway.start();
    await bob.settle();
    expect(bob.seen.slice(before).map(({ element }) => element.toString())).toEqual([]);
  });

  it("shows what is so after the XMPP server was restarted in the middle of a burst", async () => {
    setAll(false);
    await settled();
    setAll(true);
    await pause(150);
    await site.server.restart();
    await connectAll("again");
    await settled(60_000);
  });

  it("asked to end in the middle of a burst, ends cleanly within five seconds and leaves nothing stale", async () => {
    setAll(false);
    await pause(60);
    setAll(true);
    await pause(60);
    expect(await site.gateway.end("SIGTERM")).toBe(0);
    present.clear();
    await settled(5000);
    for (const user of USERS) {
      const [meeting] = mailboxOf(user).meetings;
      if (meeting) present.set(user, meeting.id);
    }
    await site.gateway.start();
    await settled();
  });

  it("hears of changes again after Exchange was restarted and has lost its subscriptions", async () => {
    await site.exchange.restart();
    setAll(false);
    await settled(60_000);
    setAll(true);
    await settled();
  });

  it("reads no megabyte from a stranger or from an administrator's name on another domain", async () => {
    const elsewhere = await connectComponent({
      port: site.server.componentPort,
      jid: ELSEWHERE,
      secret: COMPONENT_SECRET,
    });
    const bodies = [`user disable ${USERS[0]}@example.test `, "status ", "&amp;".repeat(10)];
    for (const name of ["mallory", "admin"])
      for (const body of bodies) {
        const text = `${body}${"x".repeat(1_000_000)}`;
        elsewhere.send(
          `<message from="${name}@${ELSEWHERE}/pc" to="${site.component}" type="chat"><body>${text}</body></message>`,
        );
      }
    elsewhere.send(
      `<message from="admin@${ELSEWHERE}/pc" to="${site.component}"><body>user disable ${USERS[0]}@example.test</body></message>`,
    );
    const answers = () => elsewhere.seen.filter(({ name }) => name === "message");
    await elsewhere.waitFor(() => answers().length >= 2, "one refusal each");
    expect(answers().map((message) => message.getChildText("body")?.slice(0, 30))).toEqual([
      "This gateway answers its own u",
      "This gateway answers its own u",
    ]);
    setAll(false);
    await settled();
    setAll(true);
    await settled();
    await elsewhere.vanish();
  });
});
