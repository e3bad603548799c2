import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseSipAor } from "../../src/core/addresses.ts";
import { plus } from "../../src/lib/time.ts";
import type { Registry, RegistryChange } from "../../src/ports/registry.ts";
import { settle } from "../doubles/fake-clock.ts";
import { ALICE, BOB, createTestStores, NOW, type TestStores, user } from "./store-fixture.ts";

const HQ = { name: "hq", type: "ews", options: { url: "https://mail.example.com/", auth: "basic" }, isEnabled: true };

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

/** Collects what a watch yields, from now on. */
function follow(registry: Registry): { readonly changes: RegistryChange[]; readonly stop: () => Promise<unknown> } {
  const stopping = new AbortController();
  const changes: RegistryChange[] = [];
  const watched = registry.watch(stopping.signal);
  const ended = (async () => {
    for await (const change of watched) changes.push(change);
  })().catch((reason: unknown) => reason);
  return {
    changes,
    stop: () => {
      stopping.abort(new Error("stopped"));
      return ended;
    },
  };
}

describe("what is configured", () => {
  it("keeps one row a user, found by presentity, listed in order", async () => {
    const { registry } = stores.open();
    await registry.replaceUser(user("bob"));
    await registry.replaceUser(user("alice"));
    const bob = { ...user("bob"), locale: "pt-BR", localeFrom: "mailbox", isEnabled: false } as const;
    await registry.replaceUser(bob);
    expect(await registry.listUsers()).toEqual([user("alice"), bob]);
    expect(await registry.findUser(bob.presentity)).toEqual(bob);
    expect(await registry.findUser(ALICE)).toEqual(user("alice"));
    await registry.deleteUser(ALICE);
    expect(await registry.findUser(ALICE)).toBeUndefined();
  });

  it("forgets with a mailbox what was read of it, and nothing with the other settings", async () => {
    const { registry, journal } = stores.open();
    const replies = { kind: "always" } as const;
    await registry.replaceUser(user("alice"));
    journal.replaceAutomaticReplies(ALICE, { replies, heardAt: NOW });
    journal.replaceBusyTime(ALICE, [], NOW);
    journal.flush();
    await registry.replaceUser({ ...user("alice"), locale: "de" });
    expect(journal.find(ALICE)?.automaticReplies).toEqual({ replies, heardAt: NOW });
    await registry.replaceUser({ ...user("alice"), mailbox: user("bob").mailbox });
    expect(journal.find(ALICE)).toBeUndefined();
  });

  it("keeps a user's SIP address, at work or at rest, and refuses it to another user", async () => {
    const { registry } = stores.open();
    const sip = parseSipAor("sip:alice@example.com");
    await registry.replaceUser({ ...user("alice"), sip });
    expect(await registry.findUser(ALICE)).toEqual({ ...user("alice"), sip });
    await registry.replaceUser({ ...user("alice"), restingSip: sip });
    expect(await registry.listUsers()).toEqual([{ ...user("alice"), restingSip: sip }]);
    await expect(
      registry.replaceUser({ ...user("bob"), sip: parseSipAor("sips:Alice@example.com") }),
    ).rejects.toMatchObject({ code: "store-failed" });
    await registry.replaceUser(user("alice"));
    await registry.replaceUser({ ...user("bob"), sip });
    expect(await registry.findUser(ALICE)).toEqual(user("alice"));
  });

  it("keeps calendar servers with their options", async () => {
    const { registry } = stores.open();
    await registry.replaceCalendarServer(HQ);
    await registry.replaceCalendarServer({ ...HQ, name: "branch", options: {}, isEnabled: false });
    expect(await registry.listCalendarServers()).toEqual([
      { ...HQ, name: "branch", options: {}, isEnabled: false },
      HQ,
    ]);
    await registry.deleteCalendarServer("branch");
    expect(await registry.findCalendarServer("branch")).toBeUndefined();
    expect(await registry.findCalendarServer("hq")).toEqual(HQ);
  });

  it("keeps parameters, and the default when one is taken back", async () => {
    const { registry } = stores.open();
    await registry.replaceParameter("exchange-timeout", "5");
    await registry.replaceParameter("exchange-queue", "10");
    await registry.replaceParameter("exchange-queue", undefined);
    expect(await registry.listParameters()).toEqual({ "exchange-timeout": "5" });
  });

  it("keeps a folder name that an administrator has set over restarts", async () => {
    const first = stores.open();
    await first.registry.replaceCalendarName("de", "Termine");
    first.close();
    const names = await stores.open().registry.listCalendarNames();
    expect(names.find(({ locale }) => locale === "de")).toEqual({
      locale: "de",
      name: "Termine",
      source: "administrator",
    });
    expect(names.find(({ locale }) => locale === "fr")?.source).toBe("built-in");
  });

  it("lists the audit newest first, of everything or of one subject", async () => {
    const { registry } = stores.open();
    for (let index = 0; index < 5; index++) {
      const subject = index % 2 ? BOB : ALICE;
      await registry.recordAudit({ at: plus(NOW, index), actor: "carol", action: "user.enabled", subject, detail: "" });
    }
    const ages = async (limit: number, subject?: string) =>
      (await registry.listAudit(limit, subject)).map(({ at }) => at - NOW);
    expect(await ages(3)).toEqual([4, 3, 2]);
    expect(await ages(9, BOB)).toEqual([3, 1]);
  });

  it("takes nothing when a part cannot be written", async () => {
    const { registry } = stores.open();
    const refused = { password: "x", other: Object.create(null) };
    await expect(registry.replaceCalendarServer(HQ, refused)).rejects.toThrow();
    expect(await registry.listCalendarServers()).toEqual([]);
  });
});

describe("watching the registry", () => {
  it("reports this process's changes at once, in order, each kind with its key", async () => {
    const { registry } = stores.open();
    await registry.replaceUser(user("carol"));
    const { changes, stop } = follow(registry);
    await registry.replaceUser(user("alice"));
    await registry.deleteUser(ALICE);
    await registry.replaceCalendarServer(HQ);
    await registry.replaceParameter("exchange-timeout", "5");
    await registry.replaceCalendarName("de", "Termine");
    await registry.recordAudit({ at: NOW, actor: "carol", action: "a.b", subject: "c", detail: "" });
    await settle();
    expect(changes).toEqual([
      { kind: "user", presentity: ALICE },
      { kind: "user", presentity: ALICE },
      { kind: "calendar-server", name: "hq" },
      { kind: "parameter", name: "exchange-timeout" },
      { kind: "calendar-name", locale: "de" },
    ]);
    expect(await stop()).toMatchObject({ message: "stopped" });
  });

  it("reports another connection's changes within a look, and not the journal's", async () => {
    const { changes, stop } = follow(stores.open().registry);
    const other = stores.open();
    await settle();
    await other.registry.replaceUser(user("bob"));
    other.journal.recordHeard(BOB, NOW);
    other.journal.flush();
    await settle();
    expect(changes).toEqual([]);
    await stores.runtime.clock.advance(300);
    expect(changes).toEqual([{ kind: "user", presentity: BOB }]);
    await stop();
  });

  it("loses nothing between the call and the first look", async () => {
    const { registry } = stores.open();
    const stopping = new AbortController();
    const watched = registry.watch(stopping.signal);
    await registry.replaceUser(user("alice"));
    await registry.replaceUser(user("bob"));
    const seen: RegistryChange[] = [];
    for await (const change of watched) {
      seen.push(change);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([
      { kind: "user", presentity: ALICE },
      { kind: "user", presentity: BOB },
    ]);
  });

  it("serves several watchers alike", async () => {
    const { registry } = stores.open();
    const watchers = [follow(registry), follow(registry)];
    await registry.replaceParameter("exchange-timeout", "7");
    await settle();
    for (const { changes, stop } of watchers) {
      expect(changes).toEqual([{ kind: "parameter", name: "exchange-timeout" }]);
      await stop();
    }
  });
});
