import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CompositionInputs, composePresence, type InputReport, type RuleName } from "../../src/core/compose.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { busynessOf, samePresence, strongestClient } from "../../src/core/presence.ts";
import { type Instant, instant } from "../../src/lib/time.ts";
import { anInstant, aPolicy, aSetState, HORIZON, someClients, someInputs } from "./arbitraries.ts";

/** Past every edge that the arbitraries can make: the last is something heard at HORIZON going stale. */
const END = 2 * HORIZON + 2;

const instantsAfter = (now: Instant): readonly Instant[] =>
  Array.from({ length: END - now }, (_, index) => instant(now + 1 + index));

const WINNERS: Readonly<Record<RuleName, InputReport["input"]>> = {
  offline: "client",
  override: "override",
  "own-state": "override",
  phone: "phone",
  "client-dnd": "client",
  "automatic-replies": "automatic-replies",
  "calendar-oof": "calendar",
  "calendar-busy": "calendar",
  "calendar-tentative": "calendar",
  "calendar-working-elsewhere": "calendar",
  "calendar-unknown": "calendar",
  client: "client",
};

/** Where a winner is not the document's source. */
const SOURCES = new Map<string, string>([
  ["override", "client"],
  ["automatic-replies", "calendar"],
]);

const shuffled = <Item>(items: readonly Item[]): fc.Arbitrary<Item[]> =>
  fc.shuffledSubarray([...items], { minLength: items.length });

const reordered = (inputs: CompositionInputs): fc.Arbitrary<CompositionInputs> =>
  fc.tuple(shuffled(inputs.clients), shuffled(inputs.calendar?.intervals ?? [])).map(([clients, intervals]) => ({
    ...inputs,
    clients,
    ...(inputs.calendar && { calendar: { ...inputs.calendar, intervals } }),
  }));

describe("composed presence", () => {
  it("is never less busy than any client's dnd, nor than the client that speaks, unless the user asks for that", () => {
    fc.assert(
      fc.property(someInputs, aPolicy, anInstant, (inputs, policy, now) => {
        const { document, because } = composePresence(inputs, policy, now);
        fc.pre(because.rule !== "own-state");
        const speaker = strongestClient(inputs.clients);
        expect(busynessOf(document.show)).toBeGreaterThanOrEqual(busynessOf(speaker?.show ?? "unavailable"));
        if (inputs.clients.some(({ show }) => show === "dnd")) expect(document.show).toBe("dnd");
      }),
    );
  });

  it("is the same whatever the order of clients and calendar entries", () => {
    const pairs = someInputs.chain((inputs) => fc.tuple(fc.constant(inputs), reordered(inputs)));
    fc.assert(
      fc.property(pairs, aPolicy, anInstant, ([inputs, other], policy, now) => {
        const a = composePresence(inputs, policy, now);
        const b = composePresence(other, policy, now);
        expect(b.document).toEqual(a.document);
        expect(b.validUntil).toBe(a.validUntil);
        expect(b.because.rule).toBe(a.because.rule);
        expect(new Set(b.because.inputs)).toEqual(new Set(a.because.inputs));
      }),
    );
  });

  it("depends on the present inputs only: no composition before it makes a difference, and none changes its inputs", () => {
    fc.assert(
      fc.property(
        fc.array(someInputs, { maxLength: 4 }),
        someInputs,
        aPolicy,
        anInstant,
        (before, inputs, policy, now) => {
          const first = composePresence(structuredClone(inputs), policy, now);
          const copy = structuredClone(inputs);
          for (const each of before) composePresence(each, policy, now);
          expect(composePresence(inputs, policy, now)).toEqual(first);
          expect(inputs).toEqual(copy);
        },
      ),
    );
  });

  it("is valid until the first instant at which it differs", () => {
    fc.assert(
      fc.property(someInputs, aPolicy, anInstant, (inputs, policy, now) => {
        const { document, validUntil } = composePresence(inputs, policy, now);
        const differs = (at: Instant) => !isDeepStrictEqual(composePresence(inputs, policy, at).document, document);
        const first = instantsAfter(now).find(differs);
        expect(validUntil).toBe(first);
      }),
      { numRuns: 300 },
    );
  });

  it("names exactly one winner, and it is that of the rule", () => {
    fc.assert(
      fc.property(someInputs, aPolicy, anInstant, (inputs, policy, now) => {
        const { document, because } = composePresence(inputs, policy, now);
        const winners = because.inputs.filter(({ hasWon }) => hasWon).map(({ input }) => input);
        expect(winners).toEqual([WINNERS[because.rule]]);
        expect(document.source).toBe(SOURCES.get(because.rule) ?? WINNERS[because.rule]);
      }),
    );
  });

  it("never shows the calendar when it is stale, was never read, or nobody is online and it is hidden", () => {
    fc.assert(
      fc.property(someInputs, aPolicy, anInstant, (inputs, policy, now) => {
        const isStale = !inputs.calendar || now >= inputs.calendar.heardAt + policy.staleAfter;
        const isHidden = inputs.clients.length === 0 && policy.offline === "hide";
        fc.pre(isStale || isHidden);
        const { automaticReplies: _, ...others } = inputs;
        const { document } = composePresence(isHidden ? inputs : others, policy, now);
        expect(document.source).not.toBe("calendar");
        expect(document.activity?.specific).not.toBe("in_a_meeting");
        expect(document.text).not.toBe("in-a-meeting");
      }),
    );
  });

  it("shows automatic replies only while they are on, are not stale, and are set to count", () => {
    fc.assert(
      fc.property(someInputs, aPolicy, anInstant, (inputs, policy, now) => {
        const { replies, heardAt = instant(0) } = inputs.automaticReplies ?? {};
        const isOn =
          replies?.kind === "always" || (replies?.kind === "scheduled" && replies.start <= now && now < replies.end);
        const counts = isOn && now < heardAt + policy.repliesStaleAfter && policy.automaticReplies.show !== undefined;
        const { automaticReplies: _, ...others } = inputs;
        const { document, because } = composePresence(inputs, policy, now);
        if (counts) expect(because.rule).not.toMatch(/^(calendar|client$)/);
        else expect(document).toEqual(composePresence(others, policy, now).document);
        if (because.rule === "automatic-replies") expect(document.text).toBe("out-of-office");
      }),
    );
  });

  it("ends scheduled automatic replies on time, with nothing heard", () => {
    const times = fc.tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 11, max: 20 }));
    fc.assert(
      fc.property(times, ([start, end]) => {
        const client = { resource: "desk", show: "available", priority: 0, status: {}, since: instant(0) } as const;
        const replies = { kind: "scheduled", start: instant(start), end: instant(end) } as const;
        const inputs = { clients: [client], automaticReplies: { replies, heardAt: instant(0) } };
        const before = composePresence(inputs, DEFAULT_POLICY, instant(0));
        const during = composePresence(inputs, DEFAULT_POLICY, instant(start));
        const after = composePresence(inputs, DEFAULT_POLICY, instant(end));
        expect([before.document.show, before.validUntil]).toEqual(["available", start]);
        expect(during.document).toMatchObject({ show: "away", text: "out-of-office", until: end });
        expect([during.validUntil, after.document.show, after.validUntil]).toEqual([end, "available", undefined]);
      }),
    );
  });

  it("shows a call over everything else as long as it is known and somebody is there, and not an instant longer", () => {
    const withCall = fc.tuple(someInputs, fc.record({ since: fc.constant(instant(0)), knownUntil: anInstant }));
    fc.assert(
      fc.property(withCall, aPolicy, anInstant, ([inputs, phone], policy, now) => {
        const isHidden = inputs.clients.length === 0 && policy.offline === "hide";
        const { document } = composePresence({ ...inputs, phone }, policy, now);
        const { phone: _, ...withoutPhone } = inputs;
        if (isHidden || now >= phone.knownUntil)
          expect(document).toEqual(composePresence(withoutPhone, policy, now).document);
        else expect([document.source, document.activity?.specific]).toEqual(["phone", "on_the_phone"]);
      }),
    );
  });

  it("is what the user set, whatever else there is, until its time, but for a call and for nobody being there", () => {
    const withState = fc.tuple(someInputs, aSetState);
    fc.assert(
      fc.property(withState, aPolicy, anInstant, ([inputs, override], policy, now) => {
        const { override: _, ...others } = inputs;
        const { document } = composePresence({ ...inputs, override }, policy, now);
        const isHidden = inputs.clients.length === 0 && policy.offline === "hide";
        const isInCall = inputs.phone !== undefined && now < inputs.phone.knownUntil;
        if (isHidden || isInCall || override.until === undefined || now >= override.until)
          expect(document).toEqual(composePresence(others, policy, now).document);
        else expect(document).toMatchObject({ show: override.kind === "set" && override.show, source: "override" });
      }),
    );
  });

  it("is never a meeting because of what the user set", () => {
    fc.assert(
      fc.property(someInputs, aSetState, aPolicy, (inputs, override, policy) => {
        const { document, because } = composePresence({ ...inputs, override }, policy, override.setAt);
        fc.pre(because.rule === "own-state");
        expect([document.activity, document.text]).toEqual([undefined, undefined]);
      }),
    );
  });

  it("carries no text of a client that claims a meeting", () => {
    fc.assert(
      fc.property(someInputs, aPolicy, anInstant, (inputs, policy, now) => {
        const { note = {} } = composePresence(inputs, policy, now).document;
        expect(Object.values(note)).not.toContain("In a meeting");
        expect(Object.values(note)).not.toContain("In einer Besprechung");
      }),
    );
  });

  it("does not flicker between two meetings that touch", () => {
    const touching = fc.uniqueArray(fc.integer({ min: 1, max: HORIZON }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(touching, aPolicy, (edges, policy) => {
        const sorted = [...edges].sort((a, b) => a - b);
        const intervals = sorted.slice(1).map((end, index) => ({
          start: instant(sorted[index] ?? 0),
          end: instant(end),
          status: "busy" as const,
        }));
        const client = { resource: "desk", show: "available", priority: 0, status: {}, since: instant(0) } as const;
        const inputs = { clients: [client], calendar: { intervals, heardAt: instant(sorted[0] ?? 0) } };
        const { ignoreBusyFrom: _, ...counting } = policy;
        const now = instant(sorted[0] ?? 0);
        const { document, validUntil } = composePresence(inputs, counting, now);
        expect(document.text).toBe("in-a-meeting");
        expect(validUntil).toBe(Math.min(sorted.at(-1) ?? 0, now + policy.staleAfter));
      }),
    );
  });
});

describe("samePresence", () => {
  it("agrees with the equality of what is composed", () => {
    fc.assert(
      fc.property(someInputs, someInputs, aPolicy, anInstant, (one, other, policy, now) => {
        const a = composePresence(one, policy, now).document;
        const b = composePresence(other, policy, now).document;
        expect(samePresence(a, b)).toBe(isDeepStrictEqual(a, b));
      }),
    );
  });
});

describe("the client that speaks for the user", () => {
  it("is one that says dnd, else of the highest priority, else the most available, else the newest", () => {
    fc.assert(
      fc.property(someClients, (clients) => {
        const chosen = strongestClient(clients);
        const dnd = clients.filter(({ show }) => show === "dnd");
        const heard = dnd.length > 0 ? dnd : clients;
        const highest = heard.filter(({ priority }) => priority === Math.max(...heard.map((each) => each.priority)));
        const order = ["chat", "available", "away", "xa", "dnd"];
        const best = Math.min(...highest.map(({ show }) => order.indexOf(show)));
        const mostAvailable = highest.filter(({ show }) => order.indexOf(show) === best);
        const newest = mostAvailable.filter(
          ({ since }) => since === Math.max(...mostAvailable.map((each) => each.since)),
        );
        expect(chosen === undefined ? clients.length === 0 : newest.includes(chosen)).toBe(true);
      }),
    );
  });

  it("is the same of two that differ in nothing but the resource, in either order", () => {
    const desk = { resource: "desk", show: "away", priority: 1, status: { "": "Lunch" }, since: instant(0) } as const;
    const phone = { ...desk, resource: "phone", status: { "": "Out" } };
    expect(strongestClient([desk, phone])).toBe(strongestClient([phone, desk]));
  });
});
