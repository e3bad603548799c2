import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { type Instant, instant, plus } from "../../src/lib/time.ts";
import type { Journal, JournalEntry, OutboxRow } from "../../src/ports/journal.ts";
import { settle } from "../doubles/fake-clock.ts";
import { JournalModel } from "./journal-model.ts";
import {
  ALICE,
  AVAILABLE,
  BECAUSE,
  BOB,
  createTestStores,
  IN_MEETING,
  NOW,
  outboxRow,
  publishedOf,
  type TestStores,
} from "./store-fixture.ts";

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

const composed = { document: IN_MEETING, because: BECAUSE, composedAt: NOW };

describe("one presentity's entry", () => {
  it("gives back everything that was recorded", () => {
    const { journal } = stores.open();
    const intervals: BusyInterval[] = [
      { start: NOW, end: plus(NOW, 1_800_000), status: "busy" },
      { start: plus(NOW, 1_800_000), end: plus(NOW, 3_600_001), status: "workingElsewhere" },
    ];
    const client: ClientPresence = { resource: "", show: "xa", priority: -5, status: { "": "hi" }, since: NOW };
    const error = { code: "ews-timeout", message: "no answer", at: NOW };
    journal.replaceBusyTime(ALICE, intervals, NOW);
    journal.recordCalendarError(ALICE, error);
    journal.replaceOverride(ALICE, { kind: "pause", setAt: NOW });
    journal.replaceClients(ALICE, [client]);
    journal.recordComposition(ALICE, composed, [outboxRow(), outboxRow({ publisher: "sip", kind: "retract" })]);
    journal.recordPublished(outboxRow(), { ...publishedOf(outboxRow()), tag: "t1" });
    expect(journal.find(ALICE)).toEqual({
      presentity: ALICE,
      calendar: { intervals, heardAt: NOW },
      calendarError: error,
      override: { kind: "pause", setAt: NOW },
      clients: [client],
      ...composed,
      published: [{ ...publishedOf(outboxRow()), tag: "t1" }],
      outbox: [outboxRow({ publisher: "sip", kind: "retract" })],
    });
    expect(journal.find(BOB)).toBeUndefined();
  });

  it("keeps a newer row when an older one was published or has failed", () => {
    const { journal } = stores.open();
    const older = outboxRow();
    const newer = outboxRow({ document: AVAILABLE, since: plus(NOW, 1) });
    journal.recordComposition(ALICE, composed, [older]);
    journal.flush();
    journal.recordComposition(ALICE, { ...composed, document: AVAILABLE }, [newer]);
    journal.recordFailure(older, { retryAt: plus(NOW, 60_000), error: "late" });
    journal.recordPublished(older, publishedOf(older));
    expect(journal.find(ALICE)).toMatchObject({ outbox: [newer], published: [publishedOf(older)] });
    journal.recordPublished(newer, publishedOf(newer));
    expect(journal.find(ALICE)).toMatchObject({ outbox: [], published: [publishedOf(newer)] });
  });

  it("counts failures on and still knows the row by which they came", () => {
    const { journal } = stores.open();
    const row = outboxRow();
    journal.recordComposition(ALICE, composed, [row]);
    journal.recordFailure(row, { retryAt: plus(NOW, 0.5), error: "first" });
    const failed = { ...row, failures: 1, notBefore: plus(NOW, 1), lastError: "first" };
    expect(journal.find(ALICE)?.outbox).toEqual([failed]);
    journal.recordFailure(failed, { retryAt: plus(NOW, 9), error: "second" });
    expect(journal.find(ALICE)?.outbox).toEqual([
      { ...row, failures: 2, notBefore: plus(NOW, 9), lastError: "second" },
    ]);
    journal.recordPublished(row, publishedOf(row));
    expect(journal.find(ALICE)?.outbox).toEqual([]);
  });

  it("is gone entirely when it is deleted", () => {
    const { journal } = stores.open();
    journal.replaceBusyTime(ALICE, [], NOW);
    journal.recordComposition(ALICE, composed, [outboxRow()]);
    journal.flush();
    journal.recordPublished(outboxRow(), publishedOf(outboxRow()));
    journal.deletePresentity(ALICE);
    expect(journal.find(ALICE)).toBeUndefined();
    expect([...journal.load()]).toEqual([]);
  });
});

describe("writing", () => {
  it("puts what one turn of the event loop records into one transaction", async () => {
    const { journal } = stores.open();
    const reader = stores.open().journal;
    journal.replaceBusyTime(ALICE, [], NOW);
    journal.recordComposition(BOB, composed, [outboxRow({ presentity: BOB })]);
    expect([...reader.load()]).toEqual([]);
    await settle();
    expect([...reader.load()].map(({ presentity }) => presentity)).toEqual([ALICE, BOB]);
  });

  it("is finished by closing", () => {
    const store = stores.open();
    store.journal.recordHeard(ALICE, NOW);
    store.close();
    expect(stores.open().journal.find(ALICE)?.calendar).toEqual({ intervals: [], heardAt: NOW });
  });

  it("moves the log into the database when it is quiet", async () => {
    const store = stores.open();
    store.journal.recordHeard(ALICE, NOW);
    store.journal.flush();
    await stores.runtime.clock.advance(20_000);
    expect(stores.runtime.events).toEqual([]);
  });
});

describe("loading", () => {
  it("gives each of many presentities once, whichever tables know it", () => {
    const { journal } = stores.open();
    const expected = new Set<string>();
    for (let index = 0; index < 950; index++) {
      const presentity = parsePresentityId(`user${index % 650}@example.com`);
      expected.add(presentity);
      if (index % 3 === 0) journal.recordHeard(presentity, NOW);
      if (index % 5 === 0) journal.recordComposition(presentity, composed, []);
      for (const publisher of ["pep", "sip"]) {
        const row = outboxRow({ presentity, publisher });
        journal.recordPublished(row, publishedOf(row));
      }
    }
    const loaded = [...journal.load()];
    expect(loaded.length).toBe(650);
    expect(new Set(loaded.map(({ presentity }) => presentity))).toEqual(expected);
    expect(loaded.every(({ published }) => published.length === 2)).toBe(true);
  });
});

const PRESENTITIES = [ALICE, BOB, parsePresentityId("carol@example.com")];
const someInstant = fc.integer({ min: 0, max: 5 }).map((offset) => plus(NOW, offset));
const someText = fc.string({ unit: "grapheme", maxLength: 8 });
const somePublisher = fc.constantFrom("pep", "sip", "sip 2");
const someRow: fc.Arbitrary<OutboxRow> = fc.record({
  presentity: fc.constantFrom(...PRESENTITIES),
  publisher: somePublisher,
  document: fc.constantFrom(IN_MEETING, AVAILABLE),
  locale: fc.constantFrom("en", "pt-BR"),
  kind: fc.constantFrom("publish", "retract"),
  since: someInstant,
  notBefore: someInstant,
  failures: fc.nat(3),
});
const someInterval: fc.Arbitrary<BusyInterval> = fc.record({
  start: fc.integer().map(instant),
  end: fc.integer().map(instant),
  status: fc.constantFrom("free", "tentative", "busy", "oof", "workingElsewhere", "noData"),
});
const someClient: fc.Arbitrary<ClientPresence> = fc.record({
  resource: someText,
  show: fc.constantFrom("chat", "available", "away", "xa", "dnd"),
  priority: fc.integer({ min: -128, max: 127 }),
  status: fc.dictionary(fc.constantFrom("", "de", "pt-BR"), someText),
  since: someInstant,
});

type Step = { readonly name: string; readonly run: (journal: Journal) => void };
const step = <Values extends unknown[]>(
  name: string,
  values: { [Key in keyof Values]: fc.Arbitrary<Values[Key]> },
  run: (journal: Journal, ...values: Values) => void,
): fc.Arbitrary<Step> =>
  fc.tuple(...values).map((drawn) => ({
    name: `${name} ${JSON.stringify(drawn)}`,
    run: (journal) => run(journal, ...(drawn as Values)),
  }));

const anyone = fc.constantFrom(...PRESENTITIES);
const someStep: fc.Arbitrary<Step> = fc.oneof(
  step("busy", [anyone, fc.array(someInterval, { maxLength: 4 }), someInstant], (j, who, intervals, at: Instant) =>
    j.replaceBusyTime(who, intervals, at),
  ),
  step("heard", [anyone, someInstant], (j, who, at) => j.recordHeard(who, at)),
  step("error", [anyone, fc.option(someText, { nil: undefined })], (j, who, message) =>
    j.recordCalendarError(who, message === undefined ? undefined : { code: "ews-x", message, at: NOW }),
  ),
  step("override", [anyone, fc.option(someInstant, { nil: undefined })], (j, who, until) =>
    j.replaceOverride(who, until === NOW ? undefined : { kind: "end", setAt: NOW, ...(until && { until }) }),
  ),
  step("clients", [anyone, fc.array(someClient, { maxLength: 3 })], (j, who, clients) =>
    j.replaceClients(who, clients),
  ),
  step("compose", [anyone, someInstant, fc.array(someRow, { maxLength: 3 })], (j, who, composedAt, rows) =>
    j.recordComposition(
      who,
      { ...composed, composedAt },
      rows.map((row) => ({ ...row, presentity: who })),
    ),
  ),
  step("published", [someRow], (j, row) => j.recordPublished(row, publishedOf(row))),
  step("failed", [someRow, someInstant, someText], (j, row, retryAt, error) =>
    j.recordFailure(row, { retryAt, error }),
  ),
  step("unpublish", [anyone, somePublisher], (j, who, publisher) => j.deletePublished(who, publisher)),
  step("drop", [anyone, somePublisher], (j, who, publisher) => j.deleteOutboxRow(who, publisher)),
  step("forget", [anyone], (j, who) => j.deletePresentity(who)),
);
type Turn = { readonly steps: readonly Step[]; readonly end: "flush" | "reopen" | "find" | "none" };
const someTurn: fc.Arbitrary<Turn> = fc.record({
  steps: fc.array(someStep, { maxLength: 12 }),
  end: fc.constantFrom("flush", "reopen", "find", "none"),
});

const loadSorted = (journal: Journal): readonly JournalEntry[] =>
  [...journal.load()].sort((a, b) => (a.presentity < b.presentity ? -1 : 1));

/** Runs the turns on a store that begins empty and on the model, and compares what both hold in the end. */
function compareWithModel(turns: readonly Turn[]): void {
  const model = new JournalModel();
  let store = stores.open();
  for (const who of PRESENTITIES) store.journal.deletePresentity(who);
  for (const { steps, end } of turns) {
    for (const { run } of steps) {
      run(model);
      run(store.journal);
    }
    if (end === "flush") store.journal.flush();
    if (end === "find") expect(store.journal.find(BOB)).toEqual(model.find(BOB));
    if (end === "reopen") {
      store.close();
      store = stores.open();
    }
  }
  expect(loadSorted(store.journal)).toEqual([...model.load()]);
  store.close();
}

describe("any sequence of writes", () => {
  it("leaves what a plain map would hold, over commits and restarts at any place", () => {
    fc.assert(fc.property(fc.array(someTurn, { maxLength: 6 }), compareWithModel), { numRuns: 30 });
  });
});
