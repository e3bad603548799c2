import { afterEach, describe, expect, test } from "vitest";
import { type Ejabberd, startEjabberd } from "../../lab/ejabberd.ts";
import { findEjabberd } from "../../lab/ejabberd-config.ts";
import { ALICE, COMPONENT, FREE, HOST, meeting, startXmppSite, USERS, type XmppSite } from "./site.ts";

if (findEjabberd() === undefined) console.log("skipped: ejabberd is not installed (apt-get install ejabberd)");

describe.skipIf(findEjabberd() === undefined)("on a real ejabberd", () => {
  let server: Ejabberd;
  let site: XmppSite;
  const start = async (actsBy: Parameters<typeof startXmppSite>[1], module?: object): Promise<void> => {
    server = await startEjabberd({
      host: HOST,
      component: COMPONENT,
      users: USERS,
      rosters: [
        [`alice@${HOST}`, `bob@${HOST}`],
        [`alice@${HOST}`, `calendar@${COMPONENT.jid}`],
      ],
      ...(module && { module: { ...module } }),
    });
    site = await startXmppSite(server, actsBy);
  };
  const publish = (document = meeting()): Promise<unknown> =>
    site.pep.publish({ presentity: ALICE, document, locale: "de" }, site.signal);
  afterEach(async () => {
    await site.close();
    await server.stop();
  });

  test("by trusted from: a contact sees the activity come and go, though no answer ever reaches the gateway", async () => {
    await start("trusted");
    const bob = await site.connect("bob");
    await site.connect("alice");
    await publish();
    await bob.waitFor(({ view }) => view(ALICE).activity !== undefined, "the meeting");
    await publish(FREE);
    await bob.waitFor(({ view }) => view(ALICE).activity === undefined, "the end of the meeting");
  });

  test("hears clients as they change, and asks for those that were online before", async () => {
    await start("trusted");
    const alice = await site.connect("alice");
    await alice.sendPresence({ show: "away", status: "lunch" });
    const isLunch = () =>
      site.changes.filter(
        (change) => change.kind === "present" && Object.values(change.presence.status).includes("lunch"),
      );
    await expect.poll(() => isLunch().length, { timeout: 10_000 }).toBe(1);
    site.clients.follow([{ presentity: ALICE }]);
    await site.link.stop();
    site.link.start();
    await expect.poll(() => isLunch().length, { timeout: 20_000 }).toBe(2);
    expect(site.changes.map(({ kind }) => kind)).not.toContain("settled");
  });

  test("with the module: a contact sees dnd and the text, and clients of before are told, all of them", async () => {
    await start("trusted", {});
    const bob = await site.connect("bob");
    const alice = await site.connect("alice");
    await alice.sendPresence({ show: "chat", status: "hello" });
    await bob.waitFor(({ view }) => view(ALICE).status === "hello", "alice's own presence");
    await expect.poll(() => site.overlay.epoch(), { timeout: 10_000 }).not.toBeUndefined();
    await site.overlay.publish({ presentity: ALICE, document: meeting(), locale: "de" }, site.signal);
    await bob.waitFor(({ view }) => view(ALICE).status === "In einer Besprechung", "the meeting");
    await site.link.stop();
    site.link.start();
    await expect.poll(() => site.changes.findLastIndex(({ kind }) => kind === "reset")).toBeGreaterThan(1);
    await expect.poll(() => site.changes.at(-1)?.kind, { timeout: 20_000 }).toBe("settled");
    const said = site.changes.slice(site.changes.findLastIndex(({ kind }) => kind === "reset"));
    expect(said.flatMap((change) => (change.kind === "present" ? [change.presence.show] : [])).sort()).toEqual([
      "available",
      "chat",
    ]);
  });

  test("[R1] reports a forged meeting, and the overwriting reaches the contact", async () => {
    await start("trusted");
    const bob = await site.connect("bob");
    site.clients.follow([{ presentity: ALICE }]);
    const alice = await site.connect("alice");
    const claims = () => site.changes.filter(({ kind }) => kind === "claim");
    await publish();
    await publish(FREE);
    await expect
      .poll(
        async () => {
          await alice.publishActivity({ general: "working", specific: "in_a_meeting" });
          return claims().length;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toBeGreaterThan(0);
    await publish(FREE);
    await bob.waitFor(({ view }) => view(ALICE).activity === undefined, "the overwriting");
  });
});
