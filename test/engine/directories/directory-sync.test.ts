import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseMailbox, parsePresentityId } from "../../../src/core/addresses.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { createDirectoryStage } from "./directory-stage.ts";

const many = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `user${1000 + index}`);
const AWAY = new GatewayError("ldap.example.com: the connection was refused", {
  type: "wait",
  code: "ldap-unreachable",
});

let stage: Awaited<ReturnType<typeof createDirectoryStage>>;
beforeEach(async () => {
  stage = await createDirectoryStage();
});
afterEach(() => stage.end());

describe("a synchronisation with a directory", () => {
  it("[U5] adds, changes and removes users, with an audit line each, and then has nothing left to do", async () => {
    stage.source.fill("alice", "bob");
    expect(await stage.run()).toMatchObject({ people: 2, added: 2, changed: 0, removed: 0, isFull: true });
    stage.source.fill("alice", "carol");
    expect(await stage.run()).toMatchObject({ added: 1, removed: 1, isFull: false });
    expect(await stage.users()).toEqual(["alice", "carol"]);
    expect(await stage.run()).toMatchObject({ added: 0, changed: 0, removed: 0 });
    const [line] = await stage.store.registry.listAudit(10, "bob@example.com");
    expect(line).toMatchObject({ actor: "gateway", action: "user.removed", subject: "bob@example.com" });
  });

  it("gives who has no language that of the site, until the mailbox is heard", async () => {
    await stage.store.registry.replaceParameter("default-language", "de");
    stage.source.fill("alice");
    await stage.run();
    expect(await stage.store.registry.listUsers()).toMatchObject([{ locale: "de", localeFrom: "default" }]);
  });

  it("knows over a restart which users are the directory's", async () => {
    stage.source.fill("alice");
    await stage.run();
    const [known] = await stage.store.directoryUsers.list();
    expect(known).toEqual({
      presentity: "alice@example.com",
      directory: "hq",
      key: "alice",
      mailbox: "alice@example.com",
      gateway: "main",
    });
  });

  it("keeps somebody opted out who has a new JID", async () => {
    stage.source.fill("alice");
    await stage.run();
    await stage.store.registry.replaceOptOut(parsePresentityId("alice@example.com"), stage.runtime.clock.now());
    const presentity = parsePresentityId("alice.b@example.com");
    stage.source.entries = stage.source.entries.map((entry) => ({ ...entry, presentity }));
    expect(await stage.run(1)).toMatchObject({ added: 1, removed: 1 });
    const users = await stage.store.registry.listUsers();
    expect(users).toMatchObject([{ presentity, optedOutAt: stage.runtime.clock.now() }]);
    const [line] = await stage.store.registry.listAudit(10, presentity);
    expect(line?.detail).toMatch(/, opted out$/);
  });

  it("forgets that a user was the directory's when the user is deleted", async () => {
    stage.source.fill("alice");
    await stage.run();
    await stage.store.registry.deleteUser(parsePresentityId("alice@example.com"));
    expect(await stage.store.directoryUsers.list()).toEqual([]);
  });

  it("stops and asks when too many would go: changes nothing, tells administrators once, and does it when they agree", async () => {
    stage.source.fill(...many(60));
    await stage.run();
    stage.source.fill("newcomer", ...many(53));
    expect(await stage.run()).toMatchObject({ held: 7, added: 0, removed: 0 });
    await stage.run();
    expect(await stage.users()).toHaveLength(60);
    expect(stage.alerts).toEqual([
      "The directory hq would remove 7 users: so many that nothing was changed. If that is right: directory sync hq confirm=7",
    ]);
    expect(stage.sync.health()).toMatchObject({ state: "degraded", error: { code: "directory-held" } });
    expect(await stage.run(6)).toMatchObject({ held: 7 });
    expect(await stage.run(7)).toMatchObject({ added: 1, removed: 7 });
    expect(stage.sync.health().state).toBe("ok");
  });

  it("asks even for the last one when the directory has nobody any more, as with a wrong filter", async () => {
    stage.source.fill("alice");
    await stage.run();
    stage.source.fill();
    expect(await stage.run()).toMatchObject({ people: 0, held: 1 });
    expect(await stage.users()).toEqual(["alice"]);
  });

  it("removes nobody when the directory cannot be read, and tells so once", async () => {
    stage.source.fill("alice");
    await stage.run();
    stage.source.failure = AWAY;
    await expect(stage.run()).rejects.toBe(AWAY);
    await expect(stage.run()).rejects.toBe(AWAY);
    expect(await stage.users()).toEqual(["alice"]);
    expect(stage.alerts).toEqual([
      "The directory hq could not be synchronised: ldap.example.com: the connection was refused (ldap-unreachable). Nobody is removed for that.",
    ]);
    stage.source.failure = undefined;
    await stage.run();
    await stage.run();
    expect(stage.alerts.slice(1)).toEqual(["The directory hq is synchronised again."]);
  });

  it("leaves alone whom somebody else has changed meanwhile", async () => {
    stage.source.fill("alice");
    await stage.run();
    const [before] = await stage.store.registry.listUsers();
    if (!before) throw new Error("alice is missing");
    await stage.store.registry.replaceUser({ ...before, mailbox: parseMailbox("other@example.com") });
    const done = await stage.store.directoryUsers.apply([{ kind: "remove", before }], () => {
      throw new Error("nothing is to be audited");
    });
    expect([done, await stage.users()]).toEqual([[], ["alice"]]);
  });

  it("goes by its schedule: at once, every hour, everything once a day, and sooner again after a failure", async () => {
    const stop = new AbortController();
    stage.source.fill("alice");
    const running = stage.sync.run(stop.signal);
    await stage.pass(1);
    expect(stage.source.readings).toEqual(["all"]);
    await stage.pass(60);
    expect(stage.source.readings).toEqual(["all", "changes"]);
    stage.source.failure = AWAY;
    await stage.pass(59);
    stage.source.failure = undefined;
    await stage.pass(2);
    expect(stage.source.readings).toEqual(["all", "changes", "changes", "changes"]);
    await stage.pass(24 * 60);
    expect(stage.source.readings.filter((kind) => kind === "all")).toHaveLength(2);
    stop.abort();
    await running;
  });

  it("tells whoever watches the registry of each user", async () => {
    const stop = new AbortController();
    const changes = stage.store.registry.watch(stop.signal)[Symbol.asyncIterator]();
    stage.source.fill("alice");
    await stage.run();
    expect((await changes.next()).value).toEqual({ kind: "user", presentity: "alice@example.com" });
    stop.abort();
  });
});
