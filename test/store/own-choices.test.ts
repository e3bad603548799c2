import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plus } from "../../src/lib/time.ts";
import { NO_HOLDINGS } from "../../src/ports/registry.ts";
import { openDatabase } from "../../src/store/database.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import { ALICE, AVAILABLE, BOB, createTestStores, due, NOW, type TestStores, user } from "./store-fixture.ts";

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

describe("what users chose for themselves", () => {
  it("[L4] is kept apart from what administrators write of them", async () => {
    const { registry } = stores.open();
    const own = { ...user("alice"), locale: "de", localeFrom: "user" } as const;
    await registry.replaceUser(own);
    await registry.replaceTimeZone(ALICE, { zone: "Europe/Berlin", from: "user" });
    await registry.replaceOptOut(ALICE, NOW);
    const shown = { ...own, timeZone: { zone: "Europe/Berlin", from: "user" }, optedOutAt: NOW };
    expect(await registry.findUser(ALICE)).toEqual(shown);
    await registry.replaceUser({ ...user("alice"), isEnabled: false });
    await registry.replaceUser({ ...user("alice"), locale: "fr" });
    expect(await registry.listUsers()).toEqual([
      { ...user("alice"), locale: "fr", timeZone: shown.timeZone, optedOutAt: NOW },
    ]);
    await registry.replaceTimeZone(ALICE, undefined);
    await registry.replaceOptOut(ALICE, undefined);
    expect(await registry.findUser(ALICE)).toEqual({ ...user("alice"), locale: "fr" });
  });

  it("[U6] to be left out outlives the user, so that nobody is shown again by coming back", async () => {
    const { registry } = stores.open();
    await registry.replaceUser(user("alice"));
    await registry.replaceTimeZone(ALICE, { zone: "Europe/Berlin", from: "user" });
    await registry.replaceOptOut(ALICE, NOW);
    await registry.deleteUser(ALICE);
    await registry.replaceUser(user("alice"));
    expect(await registry.findUser(ALICE)).toEqual({ ...user("alice"), optedOutAt: NOW });
  });

  it("[U6] to be left out deletes what was read of the calendar", async () => {
    const { registry, journal } = stores.open();
    for (const who of [ALICE, BOB]) {
      journal.replaceBusyTime(who, [{ start: NOW, end: plus(NOW, 1), status: "busy" }], NOW);
      journal.replaceAutomaticReplies(who, { replies: { kind: "always" }, heardAt: NOW });
      journal.recordCalendarError(who, { code: "x", message: "y", at: NOW });
    }
    journal.flush();
    await registry.replaceOptOut(ALICE, NOW);
    expect(journal.find(ALICE)).toBeUndefined();
    expect(journal.find(BOB)?.calendar).toBeDefined();
  });

  it("to be shown as something is kept with its end", () => {
    const { journal } = stores.open();
    const override = { kind: "set", show: "away", setAt: NOW, until: plus(NOW, 60_000) } as const;
    journal.replaceOverride(ALICE, override);
    journal.flush();
    expect(stores.open().journal.find(ALICE)?.override).toEqual(override);
  });

  it("before there was more than pause and end is kept by the migration", () => {
    const database = openDatabase(stores.path);
    const migrations = readMigrations();
    migrate(
      database,
      migrations.filter(({ id }) => id < 12),
    );
    database.execute(
      `INSERT INTO override (presentity, kind, set_at, until) VALUES ('${ALICE}', 'pause', ${NOW}, NULL)`,
    );
    migrate(database, migrations);
    database.close();
    expect(stores.open().journal.find(ALICE)?.override).toEqual({ kind: "pause", setAt: NOW });
  });
});

describe("what is stored of somebody", () => {
  it("[U6] is counted in every table of the schema that holds something of one person", async () => {
    const { registry, journal } = stores.open();
    await registry.replaceUser(user("alice"));
    journal.replaceClients(ALICE, [{ resource: "a", show: "away", priority: 0, status: {}, since: NOW }]);
    journal.recordComposition(ALICE, { document: AVAILABLE, composedAt: NOW }, due());
    journal.flush();
    await registry.recordAudit({ at: NOW, actor: "carol@example.com", action: "a.b", subject: ALICE, detail: "" });
    const counts = { ...NO_HOLDINGS, user: 1, registry_change: 1, client_presence: 1, result: 1, audit: 1 };
    expect(await registry.countHoldings(ALICE)).toEqual(counts);
    expect(await registry.countHoldings(BOB)).toEqual(NO_HOLDINGS);
    const database = new Sqlite(stores.path, { readonly: true });
    const tables = database
      .prepare<[], { name: string }>(
        "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name IN ('presentity', 'subject')",
      )
      .all()
      .map(({ name }) => name)
      .filter((name) => !name.includes("certificate"));
    database.close();
    expect(Object.keys(NO_HOLDINGS).sort()).toEqual([...tables, "plugin_memory", "user_import"].sort());
  });

  it("[U6] is found in what plugins remember and in lists that wait, and nobody is taken for somebody else", async () => {
    const { registry } = stores.open();
    const database = new Sqlite(stores.path);
    const remember = (key: string, value: string) =>
      database.exec(`INSERT INTO plugin_memory (instance, key, value) VALUES ('x', '${key}', '${value}')`);
    const wait = (text: string) =>
      database.exec(`INSERT INTO user_import (summary, read_at, read_by, text) VALUES ('', ${NOW}, '', '${text}')`);
    remember(`${BOB} ${ALICE}`, "");
    remember(`sip:${ALICE}`, "{}");
    remember("1", `{"mailbox":"${ALICE}"}`);
    for (const other of [`m${ALICE}`, `big.${ALICE}`, `${ALICE}.au`, `${ALICE}s`]) remember(other, other);
    wait(`jid,mailbox\n${ALICE.toUpperCase()},a@example.com\n`);
    wait(`jid\nm${ALICE}\n`);
    database.close();
    expect(await registry.countHoldings(ALICE)).toMatchObject({ plugin_memory: 3, user_import: 1 });
  });
});
