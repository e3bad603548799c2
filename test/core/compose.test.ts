import { describe, expect, it } from "vitest";
import type { BusyInterval, FreeBusyStatus } from "../../src/core/busy-time.ts";
import { type CompositionInputs, composePresence, type RuleName } from "../../src/core/compose.ts";
import { type CompositionPolicy, DEFAULT_POLICY } from "../../src/core/policy.ts";
import { type ClientPresence, IN_A_MEETING, ON_THE_PHONE, type PresenceDocument } from "../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { hours, type Instant, instant, minutes, plus } from "../../src/lib/time.ts";

const NINE = instant(1_795_338_000_000);
const at = (minute: number): Instant => plus(NINE, minutes(minute));

const entry = (status: FreeBusyStatus, from = -30, to = 30): BusyInterval => ({ start: at(from), end: at(to), status });

const client = (show: ClientPresence["show"], rest: Partial<ClientPresence> = {}): ClientPresence => ({
  resource: "desk",
  show,
  priority: 0,
  status: {},
  since: at(-60),
  ...rest,
});

const calendar = (...intervals: readonly BusyInterval[]) => ({ intervals, heardAt: at(-10) });

const online = (...intervals: readonly BusyInterval[]): CompositionInputs => ({
  clients: [client("available")],
  calendar: calendar(...intervals),
});

const policy = (change: Partial<CompositionPolicy> = {}): CompositionPolicy => ({
  ...DEFAULT_POLICY,
  reservedTexts: reservedTexts(TEXT_CATALOGUE),
  ...change,
});

const compose = (inputs: CompositionInputs, change: Partial<CompositionPolicy> = {}) =>
  composePresence(inputs, policy(change), NINE);

const MEETING: PresenceDocument = {
  show: "dnd",
  source: "calendar",
  activity: IN_A_MEETING,
  text: "in-a-meeting",
  from: at(-30),
  until: at(30),
};
const AVAILABLE: PresenceDocument = { show: "available", source: "client" };

interface Line {
  readonly name: string;
  readonly inputs: CompositionInputs;
  readonly policy?: Partial<CompositionPolicy>;
  readonly document: PresenceDocument;
  readonly rule: RuleName;
}

const AS_MEETING = DEFAULT_POLICY.status.busy;

/** The table of docs/ARCHITECTURE.md, "Composition", line by line, and the options of each line. */
const TABLE: readonly Line[] = [
  {
    name: "nobody online is offline, whatever the calendar says",
    inputs: { clients: [], calendar: calendar(entry("busy")) },
    document: { show: "unavailable", source: "client" },
    rule: "offline",
  },
  {
    name: "nobody online, option: the calendar shows all the same",
    inputs: { clients: [], calendar: calendar(entry("busy")) },
    policy: { offline: "show" },
    document: MEETING,
    rule: "calendar-busy",
  },
  {
    name: "nobody online, option, nothing in the calendar: offline",
    inputs: { clients: [], calendar: calendar() },
    policy: { offline: "show" },
    document: { show: "unavailable", source: "client" },
    rule: "offline",
  },
  {
    name: "a meeting ended by its owner is not shown until the override is over",
    inputs: { ...online(entry("busy")), override: { kind: "end", setAt: at(-5), until: at(30) } },
    document: AVAILABLE,
    rule: "override",
  },
  {
    name: "a paused calendar is not shown, out of office included",
    inputs: { ...online(entry("oof")), override: { kind: "pause", setAt: at(-5) } },
    document: AVAILABLE,
    rule: "override",
  },
  {
    name: "an override that is over counts no more",
    inputs: { ...online(entry("busy")), override: { kind: "end", setAt: at(-5), until: NINE } },
    document: MEETING,
    rule: "calendar-busy",
  },
  {
    name: "what the user set by chat stands before dnd of a client and the meeting",
    inputs: {
      clients: [client("dnd", { status: { "": "Writing" } })],
      calendar: calendar(entry("busy")),
      override: { kind: "set", show: "available", setAt: at(-5), until: at(30) },
    },
    document: { show: "available", source: "override", note: { "": "Writing" }, from: at(-5), until: at(30) },
    rule: "own-state",
  },
  {
    name: "what the user set by chat is not shown while nobody is online",
    inputs: { clients: [], override: { kind: "set", show: "away", setAt: at(-5), until: at(30) } },
    document: { show: "unavailable", source: "client" },
    rule: "offline",
  },
  {
    name: "what the user set by chat shows with nobody online where the calendar does",
    inputs: { clients: [], override: { kind: "set", show: "away", setAt: at(-5), until: at(30) } },
    policy: { offline: "show" },
    document: { show: "away", source: "override", from: at(-5), until: at(30) },
    rule: "own-state",
  },
  {
    name: "a call outranks what the user set by chat",
    inputs: {
      ...online(),
      phone: { since: at(-1), knownUntil: at(60) },
      override: { kind: "set", show: "available", setAt: at(-5), until: at(30) },
    },
    document: { show: "dnd", source: "phone", activity: ON_THE_PHONE, text: "on-the-phone", from: at(-1) },
    rule: "phone",
  },
  {
    name: "a call outranks the meeting",
    inputs: { ...online(entry("busy")), phone: { since: at(-1), knownUntil: at(60) } },
    document: { show: "dnd", source: "phone", activity: ON_THE_PHONE, text: "on-the-phone", from: at(-1) },
    rule: "phone",
  },
  {
    name: "a call shows although the calendar is paused",
    inputs: {
      ...online(entry("busy")),
      phone: { since: at(-1), knownUntil: at(60) },
      override: { kind: "pause", setAt: at(-5) },
    },
    document: { show: "dnd", source: "phone", activity: ON_THE_PHONE, text: "on-the-phone", from: at(-1) },
    rule: "phone",
  },
  {
    name: "a call not heard of for too long is unknown, and the meeting is shown",
    inputs: { ...online(entry("busy")), phone: { since: at(-90), knownUntil: NINE } },
    document: MEETING,
    rule: "calendar-busy",
  },
  {
    name: "what a client heard by SIP says is marked, until the calendar covers it",
    inputs: { clients: [client("away", { via: "sip" })], calendar: calendar(entry("tentative")) },
    document: { show: "away", source: "client", via: "sip" },
    rule: "client",
  },
  {
    name: "a client's dnd stays, with the meeting beside it as activity only",
    inputs: { clients: [client("dnd", { status: { "": "Writing" } })], calendar: calendar(entry("busy")) },
    document: {
      show: "dnd",
      source: "client",
      note: { "": "Writing" },
      activity: IN_A_MEETING,
      from: at(-30),
      until: at(30),
    },
    rule: "client-dnd",
  },
  {
    name: "a client's dnd stays, option: without the meeting",
    inputs: { clients: [client("dnd")], calendar: calendar(entry("busy")) },
    policy: { activityUnderDnd: false },
    document: { show: "dnd", source: "client" },
    rule: "client-dnd",
  },
  {
    name: "a client's dnd is not weakened by out of office",
    inputs: { clients: [client("dnd")], calendar: calendar(entry("oof")) },
    document: { show: "dnd", source: "client" },
    rule: "client-dnd",
  },
  {
    name: "[M4] out of office is away",
    inputs: online(entry("oof")),
    document: { show: "away", source: "calendar", text: "out-of-office", from: at(-30), until: at(30) },
    rule: "calendar-oof",
  },
  {
    name: "[M5] the Away of a web client is the same OOF and counts the same over a meeting",
    inputs: online(entry("busy"), entry("oof", -10, 20)),
    document: { show: "away", source: "calendar", text: "out-of-office", from: at(-10), until: at(20) },
    rule: "calendar-oof",
  },
  {
    name: "[M3] busy is in a meeting",
    inputs: online(entry("busy")),
    document: MEETING,
    rule: "calendar-busy",
  },
  {
    name: "[M3] busy is in a meeting, option: away instead of dnd",
    inputs: online(entry("busy")),
    policy: { status: { ...DEFAULT_POLICY.status, busy: { ...AS_MEETING, show: "away" } } },
    document: { ...MEETING, show: "away" },
    rule: "calendar-busy",
  },
  {
    name: "a meeting does not make an extended absence more available",
    inputs: { clients: [client("xa")], calendar: calendar(entry("oof")) },
    document: { show: "xa", source: "calendar", text: "out-of-office", from: at(-30), until: at(30) },
    rule: "calendar-oof",
  },
  {
    name: "a meeting keeps the client's own note",
    inputs: { clients: [client("chat", { status: { de: "Mittag" } })], calendar: calendar(entry("busy")) },
    document: { ...MEETING, note: { de: "Mittag" } },
    rule: "calendar-busy",
  },
  {
    name: "since when nobody has touched a client counts as long as that client does",
    inputs: { clients: [client("away", { idleSince: at(-20) })], calendar: calendar(entry("tentative")) },
    document: { show: "away", source: "client", idleSince: at(-20) },
    rule: "client",
  },
  {
    name: "since when nobody has touched a client is nothing to a meeting",
    inputs: { clients: [client("away", { idleSince: at(-20) })], calendar: calendar(entry("busy")) },
    document: MEETING,
    rule: "calendar-busy",
  },
  {
    name: "the priority of the client that speaks goes along when it is above 0",
    inputs: { clients: [client("away", { priority: 7 })], calendar: calendar(entry("busy")) },
    document: { ...MEETING, priority: 7 },
    rule: "calendar-busy",
  },
  ...(["away", "xa", "chat", "available"] as const).map((show) => ({
    name: `[M1] [M8] free: ${show} as the client says`,
    inputs: { clients: [client(show)], calendar: calendar(entry("free")) },
    document: { show, source: "client" } as const,
    rule: "client" as const,
  })),
  {
    name: "[M1] a calendar without entries is free",
    inputs: online(),
    document: AVAILABLE,
    rule: "client",
  },
  {
    name: "[M2] tentative is as the client says",
    inputs: online(entry("tentative")),
    document: AVAILABLE,
    rule: "client",
  },
  {
    name: "[M2] tentative, option: as a meeting",
    inputs: online(entry("tentative")),
    policy: { status: { ...DEFAULT_POLICY.status, tentative: AS_MEETING } },
    document: MEETING,
    rule: "calendar-tentative",
  },
  {
    name: "[M6] working elsewhere is as the client says",
    inputs: online(entry("workingElsewhere")),
    document: AVAILABLE,
    rule: "client",
  },
  {
    name: "[M6] working elsewhere, option: as a meeting",
    inputs: online(entry("workingElsewhere")),
    policy: { status: { ...DEFAULT_POLICY.status, workingElsewhere: AS_MEETING } },
    document: MEETING,
    rule: "calendar-working-elsewhere",
  },
  {
    name: "a busy day counts as busy",
    inputs: online(entry("busy", -600, 840)),
    document: { ...MEETING, from: at(-600), until: at(840) },
    rule: "calendar-busy",
  },
  {
    name: "a busy day, option: ignored from a given length",
    inputs: online(entry("busy", -600, 840)),
    policy: { ignoreBusyFrom: hours(24) },
    document: AVAILABLE,
    rule: "client",
  },
  {
    name: "a busy day, option: a meeting in it still counts, until its own end",
    inputs: online(entry("busy", -600, 840), entry("busy")),
    policy: { ignoreBusyFrom: hours(24) },
    document: MEETING,
    rule: "calendar-busy",
  },
  {
    name: "out of office of any length counts",
    inputs: online(entry("oof", -6000, 8400)),
    policy: { ignoreBusyFrom: hours(24) },
    document: { show: "away", source: "calendar", text: "out-of-office", from: at(-6000), until: at(8400) },
    rule: "calendar-oof",
  },
  {
    name: "[M7] no data is unknown, not busy",
    inputs: online(entry("noData")),
    document: AVAILABLE,
    rule: "client",
  },
  {
    name: "[M7] a calendar never read is unknown, not busy",
    inputs: { clients: [client("available")] },
    document: AVAILABLE,
    rule: "client",
  },
  {
    name: "[M7] a calendar not heard of for too long is unknown, and its meeting is withdrawn",
    inputs: { clients: [client("available")], calendar: { intervals: [entry("busy", -300, 300)], heardAt: at(-120) } },
    document: AVAILABLE,
    rule: "client",
  },
  {
    name: "[M8] the clients' states and the calendar's are composed: dnd of the one, the meeting of the other",
    inputs: {
      clients: [client("available", { priority: 5 }), client("dnd", { resource: "phone", priority: -1 })],
      calendar: calendar(entry("busy")),
    },
    document: { show: "dnd", source: "client", activity: IN_A_MEETING, from: at(-30), until: at(30) },
    rule: "client-dnd",
  },
  {
    name: "a client's claim of a meeting is stripped, whatever the calendar says",
    inputs: { clients: [client("away", { status: { en: " IN A MEETING! ", "": "Lunch" } })], calendar: calendar() },
    document: { show: "away", source: "client", note: { "": "Lunch" } },
    rule: "client",
  },
];

describe("composition", () => {
  it.each(TABLE.map((line) => [line.name, line] as const))("%s", (_, { inputs, policy: change, document, rule }) => {
    const composition = compose(inputs, change);
    expect(composition.document).toEqual(document);
    expect(composition.because.rule).toBe(rule);
  });

  it("[M3] shows a meeting from its first instant until just before its end", () => {
    const inputs = online(entry("busy", 0, 30));
    const shown = [-1, 0, 29, 30].map((minute) => composePresence(inputs, policy(), at(minute)).document.text);
    expect(shown).toEqual([undefined, "in-a-meeting", "in-a-meeting", undefined]);
  });

  it("brings the meeting back after a call", () => {
    const inputs = online(entry("busy"));
    const during = compose({ ...inputs, phone: { since: at(-1), knownUntil: at(60) } });
    expect([during.document.text, compose(inputs).document.text]).toEqual(["on-the-phone", "in-a-meeting"]);
  });

  it("says what comes next: the end of a meeting, joined over those that follow at once", () => {
    expect(compose(online(entry("busy", -30, 30), entry("busy", 30, 60))).validUntil).toBe(at(60));
    expect(compose(online(entry("busy", 15, 30))).validUntil).toBe(at(15));
    expect(compose(online(entry("tentative"))).validUntil).toBeUndefined();
  });

  it("withdraws a meeting at the instant its calendar becomes stale", () => {
    const heardAt = at(-60);
    const inputs = { clients: [client("available")], calendar: { intervals: [entry("busy", -30, 300)], heardAt } };
    expect(compose(inputs).validUntil).toBe(plus(heardAt, DEFAULT_POLICY.staleAfter));
  });
});

describe("the explanation", () => {
  it("names every input with its age and its end", () => {
    const { because } = compose({
      clients: [client("away", { status: { "": "In a meeting" } }), client("xa", { resource: "", priority: -3 })],
      calendar: calendar(entry("busy")),
      override: { kind: "end", setAt: at(-20), until: at(-10) },
      phone: { since: at(-1), knownUntil: at(60) },
    });
    expect(because).toEqual({
      rule: "phone",
      inputs: [
        {
          input: "client",
          state: "desk: away, priority 0; its claim of a meeting is ignored",
          heardAt: at(-60),
          hasWon: false,
        },
        { input: "client", state: "(no resource): xa, priority -3", heardAt: at(-60), hasWon: false },
        { input: "calendar", state: "busy", heardAt: at(-10), until: at(30), hasWon: false },
        { input: "override", state: "end, over", heardAt: at(-20), until: at(-10), hasWon: false },
        { input: "phone", state: "in a call", heardAt: at(-1), hasWon: true },
      ],
    });
  });

  it("says why a calendar is unknown", () => {
    const stateOf = (inputs: CompositionInputs) =>
      compose(inputs).because.inputs.find(({ input }) => input === "calendar")?.state;
    expect(stateOf({ clients: [] })).toBe("unknown: never read");
    expect(stateOf(online(entry("noData")))).toBe("unknown: the calendar server has no data");
    expect(stateOf({ clients: [], calendar: { intervals: [], heardAt: at(-120) } })).toBe(
      "unknown: not heard of for too long",
    );
  });
});
