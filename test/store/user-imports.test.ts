import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseSipAor } from "../../src/core/addresses.ts";
import { hours, plus } from "../../src/lib/time.ts";
import { createTestStores, NOW, type TestStores, user } from "./store-fixture.ts";

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

const LIST = { text: "jid\nalice@example.com\n", summary: "1 row", readAt: NOW, readBy: "carol@example.com" };
const later = plus(NOW, hours(8));

describe("a list of users that was read", () => {
  it("is kept over a restart with when it is due, and without its text once it is applied", async () => {
    const first = stores.open();
    const id = await first.imports.keep(LIST);
    await first.imports.schedule(id, { at: later, by: "carol@example.com" });
    first.close();
    const { imports } = stores.open();
    const { text, ...kept } = { id, ...LIST, due: { at: later, by: "carol@example.com" } };
    expect(await imports.find(id)).toEqual({ ...kept, text });
    expect(await imports.list()).toEqual([kept]);
    await imports.recordApplied(id, { at: later, outcome: "done" });
    const { due: _, ...applied } = { ...kept, applied: { at: later, outcome: "done" } };
    expect(await imports.find(id)).toEqual({ ...applied, text: "" });
    await imports.delete(id);
    expect(await imports.find(id)).toBeUndefined();
    expect(await imports.keep(LIST)).toBe(id + 1);
  });

  it("goes when it is old or one of too many, but not while it is due", async () => {
    const { imports } = stores.open();
    const due = await imports.keep(LIST);
    await imports.schedule(due, { at: later, by: "carol@example.com" });
    for (let count = 0; count < 25; count++) await imports.keep(LIST);
    expect(await imports.list()).toHaveLength(21);
    await imports.keep({ ...LIST, readAt: plus(NOW, hours(24 * 31)) });
    expect((await imports.list()).map(({ id }) => id)).toEqual([27, due]);
  });
});

describe("many users at once", () => {
  it("are written with their audit in one transaction, and each is a change to whoever watches", async () => {
    const { registry } = stores.open();
    const stopping = new AbortController();
    const watched = registry.watch(stopping.signal)[Symbol.asyncIterator]();
    const line = {
      at: NOW,
      actor: "carol@example.com",
      action: "user.enabled",
      subject: "alice@example.com",
      detail: "",
    };
    await registry.replaceUsers([user("alice"), user("bob")], [line]);
    expect(await registry.listUsers()).toEqual([user("alice"), user("bob")]);
    expect(await registry.listAudit(10)).toEqual([line]);
    expect((await watched.next()).value).toEqual({ kind: "user", presentity: "alice@example.com" });
    expect((await watched.next()).value).toEqual({ kind: "user", presentity: "bob@example.com" });
    stopping.abort(new Error("stopped"));
  });

  it("are written all or not at all", async () => {
    const { registry } = stores.open();
    const sip = parseSipAor("sip:one@example.com");
    const twins = ["alice", "bob"].map((name) => ({ ...user(name), sip }));
    await expect(registry.replaceUsers(twins, [])).rejects.toMatchObject({ code: "store-failed" });
    expect(await registry.listUsers()).toEqual([]);
  });
});
