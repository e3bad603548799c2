import { readFileSync, writeFileSync } from "node:fs";
import xml from "@xmpp/xml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JabberClient } from "../../lab/jabber-client.ts";
import { LAB_DOMAIN, mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";

const MINUTE = 60_000;
const LIMIT = 15_000;
const ALICE = `alice@${LAB_DOMAIN}`;
const contactOf = (user: string): string => String.raw`${user}\40${LAB_DOMAIN}@calendar.${LAB_DOMAIN}`;
const CONTACT = contactOf("alice");

/** What the server has in the client's roster of the contact: `to`, `none`, or that it is not there. */
async function subscriptionOf(client: JabberClient, contact: string): Promise<string> {
  const reply = await client.request({ type: "get", payload: xml("query", { xmlns: "jabber:iq:roster" }) });
  const items = reply.element.getChild("query")?.getChildren("item") ?? [];
  return items.find(({ attrs }) => attrs["jid"] === contact)?.attrs["subscription"] ?? "absent";
}

const seenOf = (client: JabberClient, contact = CONTACT): string => {
  const { show, status } = client.view(contact);
  return `${show} ${status}`.trim();
};

async function addMeeting(site: Site): Promise<() => void> {
  const start = Date.now() - MINUTE;
  const mailbox = site.exchange.findMailbox(ALICE);
  const id = mailbox?.addMeeting({ start, end: start + 60 * MINUTE, status: "busy" }) ?? "";
  return () => mailbox?.removeMeeting(id);
}

const untilSeen = (client: JabberClient, expected: string): Promise<void> =>
  client.waitFor(() => seenOf(client) === expected, `the contact as ${expected}`, LIMIT);

describe.each(installedServers())("contact JIDs on %s without the server module", (kind) => {
  let site: Site;
  let alice: JabberClient;
  let bob: JabberClient;

  beforeAll(async () => {
    site = await startSite({ server: kind, module: "none", hasContacts: true });
    await site.open(["alice"]);
    alice = await site.connect("alice");
    await alice.sendPresence();
    bob = await site.connect("bob");
    await bob.sendPresence();
  });
  afterAll(() => site.close());

  it("[M3] show an ordinary client that adds one the meeting and its end", async () => {
    await bob.send(`<presence type="subscribe" to="${CONTACT}"/>`);
    await untilSeen(bob, "available");
    expect(await subscriptionOf(bob, CONTACT)).toBe("to");
    const cancel = await addMeeting(site);
    await untilSeen(bob, "dnd In a meeting");
    cancel();
    await untilSeen(bob, "available");
  });

  it("show what the user's own client says", async () => {
    await alice.sendPresence({ show: "away", status: "tea" });
    await untilSeen(bob, "away tea");
    await alice.sendPresence();
    await untilSeen(bob, "available");
  });

  it("show a client that comes online later what is so then: its server probes", async () => {
    const cancel = await addMeeting(site);
    await untilSeen(bob, "dnd In a meeting");
    const late = await site.connect("bob", "late");
    await late.sendPresence();
    await untilSeen(late, "dnd In a meeting");
    await late.close();
    cancel();
    await untilSeen(bob, "available");
  });

  it("are offline after a clean stop, and there again after the start", async () => {
    await site.gateway.end("SIGTERM");
    await untilSeen(bob, "offline");
    const cancel = await addMeeting(site);
    await site.gateway.start();
    await untilSeen(bob, "dnd In a meeting");
    cancel();
    await untilSeen(bob, "available");
  });

  it("are told anew after a crash, a meeting that ended meanwhile with it", async () => {
    const cancel = await addMeeting(site);
    await untilSeen(bob, "dnd In a meeting");
    await site.gateway.end("SIGKILL");
    cancel();
    expect(seenOf(bob)).toBe("dnd In a meeting");
    await site.gateway.start();
    await untilSeen(bob, "available");
  });

  it("are told anew after the XMPP server was restarted", async () => {
    await alice.close();
    await bob.close();
    await site.server.restart();
    const cancel = await addMeeting(site);
    alice = await site.connect("alice");
    await alice.sendPresence();
    bob = await site.connect("bob");
    await bob.sendPresence();
    await bob.waitFor(() => seenOf(bob) === "dnd In a meeting", "the meeting", 4 * LIMIT);
    cancel();
    await untilSeen(bob, "available");
  });

  it("answer whoever writes to one that the person reads elsewhere", async () => {
    await bob.send(`<message type="chat" to="${CONTACT}" id="m1"><body>hello</body></message>`);
    const isRedirect = (): boolean => bob.seen.some((fact) => fact.kind === "error" && fact.condition === "redirect");
    await bob.waitFor(isRedirect, "whom to write to");
  });

  it("are refused of people who are no users", async () => {
    const carol = contactOf("carol");
    await bob.send(`<presence type="subscribe" to="${carol}"/>`);
    await expect.poll(() => subscriptionOf(bob, carol), { timeout: LIMIT }).toMatch(/none|absent/);
    expect(seenOf(bob, carol)).toBe("offline");
  });

  it("are told in status as the way of the domain", async () => {
    const text = await mustSucceed(site.gateway, "status");
    expect(text).toMatch(new RegExp(`domain ${LAB_DOMAIN}.*contact JIDs: .*no module`));
    expect(text).toMatch(/publisher xmpp-contact.*1 subscription/);
    expect(await mustSucceed(site.gateway, `why ${ALICE}`)).toContain(CONTACT);
  });

  it("are no contacts any more when the user is disabled", async () => {
    await mustSucceed(site.gateway, `user disable ${ALICE}`);
    await untilSeen(bob, "offline");
    await expect.poll(() => subscriptionOf(bob, CONTACT), { timeout: LIMIT }).toBe("none");
    expect(await mustSucceed(site.gateway, "status")).toMatch(/publisher xmpp-contact.*0 subscriptions/);
  });
});

describe("contact JIDs on a Prosody that gives the gateway nothing but a component", () => {
  let site: Site;
  beforeAll(async () => {
    site = await startSite({ module: "none", privilege: false, hasContacts: true });
    await site.open(["alice"]);
    await mustSucceed(site.gateway, "parameter set offline-calendar show");
  });
  afterAll(() => site.close());

  it("[M3] show the meeting; else the contact is offline, as the gateway hears of no client", async () => {
    const bob = await site.connect("bob");
    await bob.sendPresence();
    await bob.send(`<presence type="subscribe" to="${CONTACT}"/>`);
    await expect.poll(() => subscriptionOf(bob, CONTACT), { timeout: LIMIT }).toBe("to");
    const cancel = await addMeeting(site);
    await untilSeen(bob, "dnd In a meeting");
    cancel();
    await untilSeen(bob, "offline");
  });

  it("are left by all when the configuration names no domain any more", async () => {
    const bob = await site.connect("bob", "second");
    await bob.sendPresence();
    expect(await subscriptionOf(bob, CONTACT)).toBe("to");
    await site.gateway.end("SIGTERM");
    const { configPath } = site.gateway;
    writeFileSync(configPath, readFileSync(configPath, "utf8").replace(/^contact-domains = .*$/m, ""));
    await site.gateway.start();
    await expect.poll(() => subscriptionOf(bob, CONTACT), { timeout: LIMIT }).toBe("none");
  });
});
