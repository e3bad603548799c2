import { describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { intervalAt } from "../../../src/core/busy-time.ts";
import { hours, minutes, plus, seconds } from "../../../src/lib/time.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { type ThrottleForm, throttled } from "../../doubles/microsoft/throttling.ts";
import { graphError } from "../../doubles/microsoft/wire.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { gatewayError, until } from "../calendar-ews/scenario.ts";
import { ALICE, addMailboxes, BOB, book, CAROL, DAY, meetingAt, startScenario } from "./scenario.ts";

const NOBODY = parseMailbox("aaron@example.com");

describe("reading a tenant's calendars", () => {
  it("[K1b] reads 15,000 users in 750 requests, four at a time, none refused; the top of the hour needs none", async () => {
    const scenario = await startScenario({}, { latency: () => 300 });
    const { cloud, runtime } = scenario;
    const users = addMailboxes(cloud, 15_000);
    const top = plus(MONDAY_MORNING, hours(1));
    for (const user of users.slice(0, 5000)) book(cloud, user, meetingAt(1));
    const batches = Array.from({ length: 750 }, (_, index) => users.slice(index * 20, index * 20 + 20));
    let read = 0;
    const busy = new Set<Mailbox>();
    const reading = batches.map(async (batch) => {
      for (const result of await scenario.fetch(...batch)) {
        if (!("intervals" in result)) continue;
        read += 1;
        if (intervalAt(result.intervals, top)?.status === "busy") busy.add(result.mailbox);
        expect(intervalAt(result.intervals, plus(top, -1))).toBeUndefined();
      }
    });
    await until(async () => {
      await runtime.clock.advance(1000);
      return read === 15_000;
    });
    await Promise.all(reading);
    expect([...busy]).toEqual(expect.arrayContaining([...users.slice(0, 5000)]));
    expect(busy.size).toBe(5000);
    expect(Object.fromEntries(cloud.requests)).toEqual({ getSchedule: 750 });
    expect(cloud.throttle).toMatchObject({ peak: 4, refusals: 0 });
    expect(cloud.entra.posts).toHaveLength(1);
  });

  it("spreads the load over the mailboxes, and works on behalf of another when one cannot", async () => {
    const scenario = await startScenario();
    const { cloud } = scenario;
    book(cloud, BOB, meetingAt(1));
    const bob = { mailbox: BOB, intervals: [meetingAt(1)] };
    expect(await scenario.fetch(NOBODY, BOB)).toMatchObject([{ error: { code: "graph-mailbox-not-found" } }, bob]);
    expect(cloud.requestCount).toBe(2);
    await scenario.fetch(NOBODY, BOB);
    expect(cloud.requestCount).toBe(3); // it is kept in mind
    expect(await scenario.fetch(NOBODY)).toMatchObject([{ error: { code: "graph-mailbox-not-found" } }]);
    expect(cloud.requestCount).toBe(4); // bob has worked, so bob is asked
    expect(scenario.source.health().state).toBe("ok");
  });

  it.each([
    ["access-policy", "graph-access-policy"],
    ["out-of-scope", "graph-access-denied"],
  ] as const)(
    "reads who is denied (%s) on behalf of others; where nobody is allowed it fails",
    async (access, code) => {
      const scenario = await startScenario();
      const set = (mailbox: Mailbox): void => {
        Object.assign(scenario.cloud.findMailbox(mailbox) ?? {}, { access });
      };
      set(ALICE);
      expect(await scenario.fetch(ALICE, BOB)).toMatchObject([{ intervals: [] }, { intervals: [] }]);
      const denied = await startScenario();
      for (const mailbox of [ALICE, BOB, CAROL]) Object.assign(denied.cloud.findMailbox(mailbox) ?? {}, { access });
      expect(await gatewayError(denied.fetch(ALICE, BOB, CAROL))).toMatchObject({ code, type: "auth" });
    },
  );

  it("reads a user without a licence as one mailbox's error", async () => {
    const scenario = await startScenario();
    Object.assign(scenario.cloud.findMailbox(ALICE) ?? {}, { isLicensed: false });
    expect(await scenario.fetch(ALICE)).toMatchObject([
      { error: { code: "graph-mailbox-not-licensed", type: "cancel" } },
    ]);
  });

  it("steps down where the batch is refused, and asks for so many from then on", async () => {
    const scenario = await startScenario({ batchSize: 100 });
    const users = addMailboxes(scenario.cloud, 100);
    expect(scenario.source.capabilities.maxMailboxesPerFetch).toBe(100);
    expect(await scenario.fetch(...users)).toHaveLength(100);
    expect(scenario.cloud.requestCount).toBe(6); // one in vain, then 20 each
    expect(scenario.source.capabilities.maxMailboxesPerFetch).toBe(20);
    const small = await startScenario({}, { largestBatch: 3 });
    expect(await small.fetch(...addMailboxes(small.cloud, 20))).toHaveLength(20);
    expect(small.source.capabilities.maxMailboxesPerFetch).toBe(2);
  });

  it("asks for no window that is refused anyway", async () => {
    const { source, cloud } = await startScenario();
    const window = { start: DAY.start, end: plus(DAY.start, hours(62 * 24)) };
    const { signal } = new AbortController();
    expect(await gatewayError(source.fetchBusyTime([ALICE], window, signal))).toMatchObject({
      code: "graph-window-too-big",
    });
    expect(cloud.requestCount).toBe(0);
    const longest = { ...window, end: plus(window.end, -1000) };
    expect(await source.fetchBusyTime([ALICE], longest, signal)).toHaveLength(1);
  });
});

describe("a service that asks for fewer requests", () => {
  it.each<[ThrottleForm, number | undefined]>([
    ["retry-after", 10_000],
    ["no-retry-after", undefined],
    ["one-second-for-ever", 1000],
    ["service-unavailable", 10_000],
  ])("is left alone for a while (%s)", async (form, retryAfter) => {
    const scenario = await startScenario();
    scenario.cloud.plan("graph", throttled(form));
    expect(await gatewayError(scenario.fetch(ALICE))).toMatchObject({
      code: "graph-throttled",
      type: "wait",
      retryAfter,
    });
    expect(scenario.source.health().state).toBe("degraded");
    await scenario.runtime.clock.advance(11_000);
    expect(await scenario.fetch(ALICE)).toHaveLength(1);
    expect(scenario.source.health().state).toBe("ok");
  });

  it("is asked ever more rarely when it says one second for ever", async () => {
    const scenario = await startScenario();
    const { cloud, runtime } = scenario;
    cloud.plan("graph", throttled("one-second-for-ever"), 1000);
    let isAsking = false;
    const ask = async (): Promise<void> => {
      isAsking = true;
      await scenario.fetch(ALICE).catch(() => undefined);
      isAsking = false;
    };
    for (let second = 0; second < 600; second++) {
      if (!isAsking) void ask(); // it waits through short pauses
      await runtime.clock.advance(seconds(1));
    }
    expect(cloud.requestCount).toBeGreaterThan(5);
    expect(cloud.requestCount).toBeLessThan(40);
    cloud.mend();
    await runtime.clock.advance(minutes(1));
    expect(await scenario.fetch(ALICE)).toHaveLength(1);
  });

  it("is met with fewer at a time when more were allowed than it takes", async () => {
    const scenario = await startScenario({ maxRequests: 40 }, { latency: () => 300 });
    const { cloud, runtime } = scenario;
    const users = addMailboxes(cloud, 400);
    let left = 0;
    const one = async (user: Mailbox): Promise<void> => {
      for (;;) {
        const done = await scenario.fetch(user).then(
          () => true,
          () => false,
        );
        if (done) break;
        await runtime.clock.sleep(seconds(15), new AbortController().signal);
      }
      left -= 1;
    };
    for (const user of users) {
      left += 1;
      void one(user);
    }
    await until(async () => {
      await runtime.clock.advance(1000);
      return left === 0;
    });
    expect(cloud.throttle.peak).toBeLessThanOrEqual(5);
    expect(cloud.throttle.refusals).toBeLessThan(20);
  });

  it("has ten minutes' limits that are told from an outage", async () => {
    const scenario = await startScenario({}, { limits: { perTenMinutes: 3 } });
    for (let count = 0; count < 3; count++) await scenario.fetch(ALICE);
    expect(await gatewayError(scenario.fetch(ALICE))).toMatchObject({ code: "graph-throttled" });
  });
});

describe("trouble with the service", () => {
  it.each([
    [{ status: 500 }, "graph-unavailable", "wait"],
    [{ status: 502, text: "<html>" }, "graph-unavailable", "wait"],
    [{ status: 200, text: "<html>" }, "graph-bad-answer", "wait"],
    [{ status: 200, text: `{"value":${"[".repeat(100)}` }, "graph-bad-answer", "wait"],
    [{ status: 200, text: "" }, "graph-bad-answer", "wait"],
    [{ status: 302, headers: { location: "https://example.org" } }, "graph-bad-answer", "wait"],
    [{ status: 403, text: "Blocked by your firewall" }, "graph-permission-missing", "auth"],
    [graphError(403, "Authorization_RequestDenied"), "graph-permission-missing", "auth"],
    [graphError(400, "ErrorNew"), "graph-request-refused", "modify"],
    [graphError(400, "<script>"), "graph-request-refused", "modify"],
  ])("has an error of its own: %j", async (answer, code, type) => {
    const scenario = await startScenario();
    scenario.cloud.plan("graph", answer);
    const error = await gatewayError(scenario.fetch(ALICE));
    expect(error).toMatchObject({ code, type });
    expect(error.message).toContain("cloud.example.com");
    expect(error.message).not.toMatch(/[<>]|firewall$/);
  });

  it("gives a request up that takes too long", async () => {
    const scenario = await startScenario();
    await scenario.fetch(ALICE);
    scenario.cloud.plan("graph", "hang");
    const failing = gatewayError(scenario.fetch(ALICE));
    await settle();
    await scenario.runtime.clock.advance(seconds(21));
    expect(await failing).toMatchObject({ code: "graph-timeout" });
  });

  it("is down after three failures in a row, and right away without the permission", async () => {
    const scenario = await startScenario();
    await scenario.fetch(ALICE);
    for (const state of ["degraded", "degraded", "down"]) {
      scenario.cloud.plan("graph", { status: 500 });
      await gatewayError(scenario.fetch(ALICE));
      expect(scenario.source.health().state).toBe(state);
    }
    scenario.application.roles = ["Mail.Read"];
    const other = await startScenario();
    other.application.roles = ["Mail.Read"];
    expect(await gatewayError(other.fetch(ALICE))).toMatchObject({ code: "graph-permission-missing" });
    expect(other.source.health().state).toBe("down");
  });

  it("replaces a token that was revoked, once", async () => {
    const scenario = await startScenario();
    await scenario.fetch(ALICE);
    await scenario.runtime.clock.advance(minutes(2));
    scenario.cloud.entra.revokeAll();
    expect(await scenario.fetch(ALICE)).toHaveLength(1);
    expect(scenario.cloud.entra.posts).toHaveLength(2);
    scenario.cloud.entra.revokeAll();
    expect(await gatewayError(scenario.fetch(ALICE))).toMatchObject({ code: "graph-unauthorized", type: "auth" });
    expect(scenario.cloud.entra.posts).toHaveLength(2); // one that is refused when it is new is not replaced
  });
});
