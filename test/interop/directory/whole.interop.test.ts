import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { DirectorySync } from "../../../src/engine/directories/directory-sync.ts";
import type { DirectoryTemplate } from "../../../src/engine/directories/plan-directory.ts";
import { hours } from "../../../src/lib/time.ts";
import { administer, createLdapSource, type LdapOptions } from "../../lab/ldap-scene.ts";
import { BASE, composeLdif, hasSlapd, personDn, type Slapd, startSlapd } from "../../lab/slapd.ts";
import { startWholeGateway, type WholeGateway } from "../../scenarios/whole-gateway.ts";
import { DOMAIN } from "../../scenarios/xmpp-world.ts";

if (!hasSlapd()) console.log("skipped: the Debian package slapd is not installed");

const { signal } = new AbortController();
const BOB = parsePresentityId(`bob@${DOMAIN}`);
const PRESENCE = `cn=presence,ou=groups,${BASE}`;
const mailOf = (uid: string): string => `${uid}@${DOMAIN}`;
const people = (...uids: readonly string[]) => uids.map((uid) => ({ uid, mail: mailOf(uid) }));

describe.runIf(hasSlapd())("a gateway whose users come from a real directory", () => {
  let slapd: Slapd;
  let whole: WholeGateway;
  let alerts: string[];

  beforeAll(async () => {
    slapd = await startSlapd();
  });
  afterAll(() => slapd.stop());
  beforeEach(async () => {
    alerts = [];
    whole = await startWholeGateway();
  });
  afterEach(() => whole.close());

  const directory = (templates: readonly DirectoryTemplate[] = [{ isEnabled: true }], options: LdapOptions = {}) =>
    new DirectorySync(
      { name: "hq", templates, interval: hours(1), fullInterval: hours(24), mostRemovedPercent: 10 },
      createLdapSource(slapd, options),
      {
        runtime: whole.runtime,
        registry: whole.store.registry,
        users: whole.store.directoryUsers,
        servedDomains: [DOMAIN],
        configured: new Set(["hq"]),
        alert: (text) => alerts.push(text),
      },
    );
  const userNames = async (): Promise<readonly string[]> =>
    (await whole.store.registry.listUsers()).map(({ presentity }) => presentity.replace(`@${DOMAIN}`, ""));
  const showMeetings = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) {
      whole.exchange.addMailbox(mailOf(name));
      whole.meet(name, 0, 60);
      whole.xmpp.online(name);
    }
  };

  it("[K3] takes calendar state, subscriptions and shown presence from who has left, within one synchronisation", async () => {
    await slapd.refill(composeLdif(people("alice", "bob")));
    await showMeetings("alice", "bob");
    const hq = directory();
    await hq.sync({ isFull: false }, signal);
    await whole.passUntil(() => whole.xmpp.view("bob") === "dnd|in_a_meeting", "bob's meeting");
    await administer(slapd, (client) => client.del(personDn("bob")));
    expect(await hq.sync({ isFull: false }, signal)).toMatchObject({ removed: 1, isFull: false });
    await whole.passUntil(() => whole.xmpp.view("bob") === "", "the end of what is shown of bob");
    expect(whole.gateway.describe(BOB)).toBeUndefined();
    expect(whole.store.journal.find(BOB)?.calendar).toBeUndefined();
    expect(whole.gateway.presentities.countOn("hq")).toBe(1);
    expect(whole.xmpp.view("alice")).toBe("dnd|in_a_meeting");
  });

  it("[U5] enables the members of a group in a directory that was synchronised before, without touching the others", async () => {
    await slapd.refill(composeLdif(people("alice", "bob", "carol"), { presence: ["alice"] }));
    const templates = [{ isEnabled: true, locale: "de" }, { isEnabled: false }];
    const hq = directory(templates, { groups: [PRESENCE, ""] });
    await hq.sync({ isFull: false }, signal);
    expect(await userNames()).toEqual(["alice"]);
    await slapd.refill(composeLdif(people("alice", "bob", "carol"), { presence: ["alice", "bob"] }));
    await showMeetings("bob");
    expect(await hq.sync({ isFull: false }, signal)).toMatchObject({ added: 1, removed: 0 });
    await whole.passUntil(() => whole.xmpp.view("bob") === "dnd|in_a_meeting", "bob's meeting");
    expect((await whole.store.registry.listUsers()).map(({ locale }) => locale)).toEqual(["de", "de"]);
  });

  it("[R10] tells whose JID and mailbox differ, and reads that mailbox", async () => {
    await slapd.refill(composeLdif([{ uid: "alice", mail: mailOf("alice.b") }]));
    const hq = directory([{ isEnabled: true }], { jid: `{uid}@${DOMAIN}`, principal: `{uid}@corp.${DOMAIN}` });
    await hq.sync({ isFull: false }, signal);
    expect(hq.mismatches).toMatchObject([
      { kind: "differs", jid: mailOf("alice"), mailbox: mailOf("alice.b"), principal: `alice@corp.${DOMAIN}` },
    ]);
    expect((await whole.store.registry.listUsers())[0]?.mailbox).toBe(mailOf("alice.b"));
  });

  it("keeps who was made by hand, whatever the directory says", async () => {
    await slapd.refill(composeLdif(people("alice")));
    await whole.enable("carol");
    const hq = directory();
    await hq.sync({ isFull: false }, signal);
    await slapd.refill(composeLdif([]));
    await hq.sync({ isFull: false, confirmed: 1 }, signal);
    expect(await userNames()).toEqual(["carol"]);
  });

  it("removes nobody while the directory is down or its filter matches nobody, and tells administrators", async () => {
    await slapd.refill(composeLdif(people("alice")));
    await directory().sync({ isFull: false }, signal);
    await slapd.down();
    await expect(directory().sync({ isFull: false }, signal)).rejects.toMatchObject({ code: "ldap-unreachable" });
    await slapd.start();
    expect(
      await directory([{ isEnabled: true }], { filter: "(uid=nobody)" }).sync({ isFull: true }, signal),
    ).toMatchObject({
      held: 1,
    });
    expect(await userNames()).toEqual(["alice"]);
    expect(alerts).toHaveLength(2);
  });

  it("stops and asks when 15,000 people are gone at once", async () => {
    const all = Array.from({ length: 15_000 }, (_, index) => `user${index}`);
    await slapd.refill(composeLdif(people(...all)));
    // The clock stands: nothing is read from calendars meanwhile.
    const hq = directory();
    expect(await hq.sync({ isFull: false }, signal)).toMatchObject({ added: 15_000 });
    await slapd.refill(composeLdif(people("user0", "user1")));
    expect(await hq.sync({ isFull: false }, signal)).toMatchObject({ held: 14_998, removed: 0 });
    expect(alerts).toEqual([expect.stringContaining("directory sync hq confirm=14998")]);
    expect(await userNames()).toHaveLength(15_000);
  });
});
