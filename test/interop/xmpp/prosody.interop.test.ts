import { afterEach, describe, expect, test } from "vitest";
import { parseBareJid, parsePresentityId } from "../../../src/core/addresses.ts";
import type { PresencePublisher } from "../../../src/ports/presence-publisher.ts";
import { type Prosody, type ProsodyOptions, startProsody } from "../../lab/prosody.ts";
import { ALICE, COMPONENT, FREE, HOST, meeting, NOBODY, startXmppSite, USERS, type XmppSite } from "./site.ts";

describe("on a real Prosody", () => {
  let server: Prosody;
  let site: XmppSite;
  const start = async (
    options: Partial<ProsodyOptions>,
    ...rest: [Parameters<typeof startXmppSite>[1]?]
  ): Promise<void> => {
    server = await startProsody({
      host: HOST,
      component: COMPONENT,
      users: USERS,
      rosters: [["alice", "bob"]],
      ...options,
    });
    site = await startXmppSite(server, rest[0] ?? "auto");
  };
  const publish = (publisher: PresencePublisher, document = meeting(), presentity = ALICE): Promise<unknown> =>
    publisher.publish({ presentity, document, locale: "de" }, site.signal);
  afterEach(async () => {
    await site.close();
    await server.stop();
  });

  test("by privilege and with the module: a contact sees the activity, dnd and the text, and then what alice says", async () => {
    await start({});
    expect(site.link.access(parseBareJid(HOST))).toMatchObject({
      actsBy: "privilege",
      hasPresence: true,
      hasRoster: true,
    });
    await expect.poll(() => site.overlay.epoch(), { timeout: 10_000 }).not.toBeUndefined();
    const bob = await site.connect("bob");
    const alice = await site.connect("alice");
    await alice.sendPresence({ show: "chat", status: "hello" });
    await bob.waitFor((client) => client.view(ALICE).status === "hello", "alice's own presence");
    await publish(site.pep);
    await publish(site.overlay);
    await bob.waitFor(({ view }) => view(ALICE).show === "dnd" && view(ALICE).activity !== undefined, "the meeting");
    expect(bob.view(ALICE).status).toBe("In einer Besprechung");
    await publish(site.pep, FREE);
    await publish(site.overlay, FREE);
    await bob.waitFor(
      ({ view }) => view(ALICE).show === "chat" && view(ALICE).activity === undefined,
      "the end of the meeting",
    );
    expect(bob.view(ALICE).status).toBe("hello");
  });

  test("[U6] a contact sees what alice has set by chat, less busy than her client says, then her client's word", async () => {
    await start({});
    await expect.poll(() => site.overlay.epoch(), { timeout: 10_000 }).not.toBeUndefined();
    const bob = await site.connect("bob");
    const alice = await site.connect("alice");
    await alice.sendPresence({ show: "dnd", status: "writing" });
    await bob.waitFor(({ view }) => view(ALICE).show === "dnd", "alice's own presence");
    const { until } = meeting();
    for (const show of ["available", "away"] as const) {
      await publish(site.overlay, { show, source: "override", ...(until !== undefined && { until }) });
      await bob.waitFor(({ view }) => (view(ALICE).show || "available") === show, `what alice has set, ${show}`);
      expect(bob.view(ALICE).status).toBe("writing");
    }
    await publish(site.overlay, FREE);
    await bob.waitFor(({ view }) => view(ALICE).show === "dnd", "alice's own presence again");
  });

  test("hears each client once, never its own overlay, and all of them again after a server restart", async () => {
    await start({});
    const alice = await site.connect("alice");
    await alice.sendPresence({ show: "away", status: "lunch", priority: 7 });
    const isLunch = () =>
      site.changes.filter(
        (change) => change.kind === "present" && Object.values(change.presence.status).includes("lunch"),
      );
    await expect.poll(() => isLunch().length, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => site.overlay.epoch(), { timeout: 10_000 }).not.toBeUndefined();
    await publish(site.overlay);
    await alice.settle();
    await site.link.stop();
    site.link.start();
    await expect.poll(() => isLunch().length, { timeout: 20_000 }).toBe(2);
    await expect.poll(() => site.changes.at(-1)?.kind, { timeout: 10_000 }).toBe("settled");
    const shows = site.changes.flatMap((change) => (change.kind === "present" ? [change.presence.show] : []));
    expect(shows).not.toContain("dnd");
    const epoch = site.overlay.epoch();
    await server.restart();
    await expect.poll(() => site.overlay.epoch() ?? epoch, { timeout: 30_000 }).not.toBe(epoch);
    expect(site.changes.filter(({ kind }) => kind === "reset").length).toBeGreaterThanOrEqual(3);
  });

  test("refuses what cannot be: a user that does not exist is cancelled, nothing else suffers", async () => {
    await start({});
    await expect.poll(() => site.overlay.epoch(), { timeout: 10_000 }).not.toBeUndefined();
    await expect(publish(site.pep, meeting(), NOBODY)).rejects.toMatchObject({ code: "pep-no-user", type: "cancel" });
    await expect(publish(site.overlay, meeting(), NOBODY)).rejects.toMatchObject({
      code: "overlay-no-user",
      type: "cancel",
    });
    await publish(site.pep);
  });

  test("[R1] without the module: a forged meeting is reported and can be overwritten, our own is not reported", async () => {
    await start({ module: false });
    expect(site.overlay.epoch()).toBeUndefined();
    const bob = await site.connect("bob");
    const alice = await site.connect("alice");
    const claims = () => site.changes.filter(({ kind }) => kind === "claim");
    site.clients.follow([{ presentity: ALICE }]);
    await publish(site.pep);
    await bob.waitFor(({ view }) => view(ALICE).activity !== undefined, "our meeting");
    await publish(site.pep, FREE);
    await bob.waitFor(({ view }) => view(ALICE).activity === undefined, "its end");
    expect(claims()).toEqual([]);
    await expect
      .poll(
        async () => {
          await alice.publishActivity({ general: "working", specific: "in_a_meeting" });
          return claims().length;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toBeGreaterThan(0);
    await publish(site.pep, FREE);
    await bob.waitFor(({ view }) => view(ALICE).activity === undefined, "the overwriting");
    expect(claims()[0]).toEqual({ kind: "claim", presentity: ALICE, carrier: "activity" });
  });

  test("by trusted from, where Prosody does not check it: publishes and takes the server's answer", async () => {
    const trusted = { validate_from_addresses: false };
    await start({ module: false, privilege: false, globalOptions: trusted }, "trusted");
    const bob = await site.connect("bob");
    await site.connect("alice");
    await publish(site.pep);
    await bob.waitFor(({ view }) => view(ALICE).activity !== undefined, "the meeting");
    await publish(site.pep, FREE);
    await bob.waitFor(({ view }) => view(ALICE).activity === undefined, "the end of the meeting");
  });

  test("publishes 300 activities at once without losing one", async () => {
    const many = Array.from({ length: 300 }, (_, n) => ({ name: `u${n}`, password: "x" }));
    server = await startProsody({ host: HOST, component: COMPONENT, users: many });
    site = await startXmppSite(server, "auto");
    const outcomes = await Promise.allSettled(
      many.map(({ name }) => publish(site.pep, meeting(), parsePresentityId(`${name}@${HOST}`))),
    );
    expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([]);
  });
});
