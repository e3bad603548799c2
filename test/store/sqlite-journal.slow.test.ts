import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PresentityId, parsePresentityId } from "../../src/core/addresses.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { type Instant, instant, plus } from "../../src/lib/time.ts";
import type { Journal, JournalEntry, OutboxRow, Publications } from "../../src/ports/journal.ts";
import { someReplies } from "../core/arbitraries.ts";
import { settle } from "../doubles/fake-clock.ts";
import { JournalModel } from "./journal-model.ts";
import {
  ALICE,
  AVAILABLE,
  BOB,
  createTestStores,
  due,
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

const composed = { document: IN_MEETING, composedAt: NOW };

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
    const replies = { kind: "scheduled", start: NOW, end: plus(NOW, 1) } as const;
    journal.replaceAutomaticReplies(ALICE, { replies, heardAt: NOW });
    journal.replaceServer(ALICE, "cas1");
    journal.replaceServer(ALICE, "cas2");
    journal.replaceOverride(ALICE, { kind: "pause", setAt: NOW });
    journal.replaceClients(ALICE, [client]);
    const publications = {
      published: [{ ...publishedOf(outboxRow()), tag: "t1" }],
      outbox: [outboxRow({ publisher: "sip", kind: "retract" }), outboxRow({ failures: 2, lastError: "late" })],
    } as const;
    journal.recordComposition(ALICE, composed, publications);
    journal.recordPublications(ALICE, publications);
    expect(journal.find(ALICE)).toEqual({
      presentity: ALICE,
      calendar: { intervals, heardAt: NOW },
      calendarError: error,
      automaticReplies: { replies, heardAt: NOW },
      server: "cas2",
      override: { kind: "pause", setAt: NOW },
      clients: [client],
      ...composed,
      ...publications,
    });
    expect(journal.find(BOB)).toBeUndefined();
  });

  it("is written as it is when it is written, not as it was when it was recorded", () => {
    const { journal } = stores.open();
    const live = { published: [publishedOf(outboxRow())], outbox: [outboxRow()] };
    journal.recordPublications(ALICE, live);
    live.outbox = [];
    expect(journal.find(ALICE)).toMatchObject({ published: live.published, outbox: [] });
  });

  it("is gone entirely when it is deleted", () => {
    const { journal } = stores.open();
    journal.replaceBusyTime(ALICE, [], NOW);
    journal.recordComposition(ALICE, composed, due(outboxRow()));
    journal.flush();
    journal.recordPublications(ALICE, { published: [publishedOf(outboxRow())], outbox: [] });
    journal.deletePresentity(ALICE);
    expect(journal.find(ALICE)).toBeUndefined();
    expect([...journal.load()]).toEqual([]);
  });
});

describe("what was published", () => {
  it("follows a second later, once for all that came meanwhile", async () => {
    const { journal } = stores.open();
    const reader = stores.open().journal;
    journal.recordPublications(ALICE, { published: [publishedOf(outboxRow())], outbox: [outboxRow()] });
    journal.recordHeard(BOB, NOW);
    journal.flush("prompt");
    expect([...reader.load()].map(({ presentity }) => presentity)).toEqual([BOB]);
    journal.recordPublications(ALICE, { published: [publishedOf(outboxRow())], outbox: [] });
    await stores.runtime.clock.advance(1000);
    expect(reader.find(ALICE)).toMatchObject({ outbox: [], published: [publishedOf(outboxRow())] });
  });

  it("goes with what must be known at once of the same presentity", () => {
    const { journal } = stores.open();
    journal.recordPublications(ALICE, { published: [publishedOf(outboxRow())], outbox: [] });
    journal.recordHeard(ALICE, NOW);
    journal.flush("prompt");
    expect(stores.open().journal.find(ALICE)?.published).toHaveLength(1);
  });
});

describe("writing", () => {
  it("puts what one turn of the event loop records into one transaction", async () => {
    const { journal } = stores.open();
    const reader = stores.open().journal;
    journal.replaceBusyTime(ALICE, [], NOW);
    journal.recordComposition(BOB, composed, due(outboxRow({ presentity: BOB })));
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
      if (index % 5 === 0) journal.recordComposition(presentity, composed, due());
      const published = ["pep", "sip"].map((publisher) => publishedOf(outboxRow({ presentity, publisher })));
      journal.recordPublications(presentity, { published, outbox: [] });
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
const someRow: fc.Arbitrary<OutboxRow> = fc.record({
  presentity: fc.constant(ALICE),
  publisher: fc.constantFrom("pep", "sip", "sip 2"),
  document: fc.constantFrom(IN_MEETING, AVAILABLE),
  locale: fc.constantFrom("en", "pt-BR"),
  kind: fc.constantFrom("publish", "retract"),
  since: someInstant,
  notBefore: someInstant,
  failures: fc.nat(3),
});
const someRows = fc.uniqueArray(someRow, { maxLength: 3, selector: ({ publisher }) => publisher });
const somePublications: fc.Arbitrary<Publications> = fc.record({
  published: someRows.map((rows) => rows.map(publishedOf)),
  outbox: someRows,
});
const publicationsOf = (presentity: PresentityId, { published, outbox }: Publications): Publications => ({
  published,
  outbox: outbox.map((row) => ({ ...row, presentity })),
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
  step("replies", [anyone, fc.option(someReplies, { nil: undefined }), someInstant], (j, who, replies, heardAt) =>
    j.replaceAutomaticReplies(who, replies && { replies, heardAt }),
  ),
  step("heard", [anyone, someInstant], (j, who, at) => j.recordHeard(who, at)),
  step("error", [anyone, fc.option(someText, { nil: undefined })], (j, who, message) =>
    j.recordCalendarError(who, message === undefined ? undefined : { code: "ews-x", message, at: NOW }),
  ),
  step("override", [anyone, fc.option(someInstant, { nil: undefined })], (j, who, until) =>
    j.replaceOverride(who, until === NOW ? undefined : { kind: "end", setAt: NOW, ...(until && { until }) }),
  ),
  step("set", [anyone, someInstant], (j, who, until) =>
    j.replaceOverride(who, { kind: "set", show: "away", setAt: NOW, until }),
  ),
  step("server", [anyone, fc.constantFrom("cas1", "cas2", undefined)], (j, who, server) =>
    j.replaceServer(who, server),
  ),
  step("clients", [anyone, fc.array(someClient, { maxLength: 3 })], (j, who, clients) =>
    j.replaceClients(who, clients),
  ),
  // The engine records both, so that the journal knows at each moment what is published.
  step("compose", [anyone, someInstant, somePublications], (j, who, composedAt, publications) => {
    j.recordComposition(who, { ...composed, composedAt }, publicationsOf(who, publications));
    j.recordPublications(who, publicationsOf(who, publications));
  }),
  step("publications", [anyone, somePublications], (j, who, publications) =>
    j.recordPublications(who, publicationsOf(who, publications)),
  ),
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
