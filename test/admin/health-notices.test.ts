import { describe, expect, it } from "vitest";
import type { GatewayCounts, GatewayPart } from "../../src/admin/live-gateway.ts";
import { watchHealth } from "../../src/admin/watch-health.ts";
import { minutes, seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";

const QUIET: GatewayCounts = {
  presentities: 15_000,
  withCalendar: 15_000,
  stale: 0,
  inMeeting: 0,
  outbox: 0,
  refreshQueue: 0,
  failing: [],
};

const troubled = (code: string): GatewayPart["health"] => ({
  state: "degraded",
  error: new GatewayError(`it says ${code}`, { type: "wait", code }),
});
const OK = { state: "ok" } as const;

/** A gateway whose condition the test says, and the notices that administrators got. */
function createWatch() {
  const runtime = createTestRuntime();
  const told: string[] = [];
  const state: { parts: readonly GatewayPart[]; counts: GatewayCounts } = { parts: [], counts: QUIET };
  const live = { now: () => runtime.clock.now(), parts: () => state.parts, counts: () => state.counts };
  const stop = new AbortController();
  const done = watchHealth({ live, alerts: { tell: (text) => told.push(text) }, runtime }, stop.signal);
  return {
    state,
    told,
    pass: (length: number) => runtime.clock.advance(length),
    end: () => {
      stop.abort();
      return done;
    },
  };
}

const part = (kind: GatewayPart["kind"], name: string, health: GatewayPart["health"]): GatewayPart => ({
  kind,
  name,
  health,
});

describe("the administrators", () => {
  it.each([
    ["a store that cannot be written", part("store", "store", troubled("store-full")), "store"],
    ["refusals by SIP", part("publisher", "sip", troubled("publish-sip-forbidden")), "publisher sip"],
    ["clients that are not heard", part("clients", "sip", troubled("clients-sip-refused")), "clients sip"],
    ["a domain without rights", part("xmpp", "xmpp", troubled("xmpp-no-access")), "xmpp"],
  ])("are told of %s once, and once that it is over", async (_, inTrouble, subject) => {
    const { state, told, pass, end } = createWatch();
    state.parts = [inTrouble];
    await pass(minutes(60));
    expect(told).toEqual([expect.stringMatching(new RegExp(`^${subject}: degraded: it says`))]);
    state.parts = [{ ...inTrouble, health: OK }];
    await pass(minutes(60));
    expect(told.slice(1)).toEqual([`${subject}: in order again.`]);
    await end();
  });

  it("are told anew when something else is wrong, and not when both take turns", async () => {
    const { state, told, pass, end } = createWatch();
    for (let turn = 0; turn < 10; turn++) {
      state.parts = [part("store", "store", troubled(turn % 2 === 0 ? "store-full" : "store-locked"))];
      await pass(minutes(2));
    }
    expect(told).toEqual([
      "store: degraded: it says store-full (store-full)",
      "store: degraded: it says store-locked (store-locked)",
    ]);
    await end();
  });

  it("are not told of what passes, nor each time that it comes and goes", async () => {
    const { state, told, pass, end } = createWatch();
    const store = part("store", "store", troubled("store-full"));
    state.parts = [store];
    await pass(seconds(45));
    state.parts = [];
    await pass(minutes(1));
    expect(told).toEqual([]);
    for (let turn = 0; turn < 10; turn++) {
      state.parts = [store];
      await pass(minutes(2));
      state.parts = [];
      await pass(minutes(2));
    }
    expect(told).toHaveLength(1);
    await end();
  });

  it("are told of calendars that are unknown once, and again when they are ten times as many", async () => {
    const { state, told, pass, end } = createWatch();
    state.counts = { ...QUIET, stale: 3 };
    await pass(minutes(14));
    expect(told).toEqual([]);
    await pass(minutes(2));
    for (const stale of [4, 9, 2, 15_000, 14_999]) {
      state.counts = { ...QUIET, stale };
      await pass(minutes(30));
    }
    expect(told.map((text) => /of (\d+ users)/.exec(text)?.[1])).toEqual(["3 users", "15000 users"]);
    state.counts = QUIET;
    await pass(minutes(10));
    expect(told.at(-1)).toBe("calendars: in order again.");
    await end();
  });

  it("are told how many publications fail, with a reason, and not of the last failure beside", async () => {
    const { state, told, pass, end } = createWatch();
    state.parts = [part("publisher", "xmpp-pep", troubled("pep-forbidden"))];
    state.counts = { ...QUIET, failing: [{ publisher: "xmpp-pep", count: 12, because: "forbidden" }] };
    await pass(minutes(10));
    expect(told).toEqual(["publisher xmpp-pep: 12 publications fail and will be tried again: forbidden"]);
    await end();
  });

  it("are told of a server without notifications only when that lasts, and of one that is down by those who try it", async () => {
    const { state, told, pass, end } = createWatch();
    const error = new GatewayError("away", { type: "wait", code: "ews-unreachable" });
    state.parts = [part("calendar", "hq", troubled("ews-stream-cut")), part("calendar", "b", { state: "down", error })];
    await pass(minutes(14));
    expect(told).toEqual([]);
    await pass(minutes(10));
    expect(told).toEqual(["gateway hq: degraded: it says ews-stream-cut (ews-stream-cut)"]);
    await end();
  });

  it("hear nothing of it while the XMPP server is away: neither that all is wrong, nor that all is well", async () => {
    const { state, told, pass, end } = createWatch();
    const error = new GatewayError("refused", { type: "wait", code: "xmpp-unreachable" });
    const store = part("store", "store", troubled("store-full"));
    state.parts = [store];
    await pass(minutes(5));
    state.parts = [
      part("xmpp", "xmpp", { state: "down", error }),
      part("publisher", "xmpp-pep", { state: "down", error }),
    ];
    await pass(minutes(60));
    state.parts = [store];
    await pass(minutes(60));
    expect(told).toHaveLength(1);
    await end();
  });
});
