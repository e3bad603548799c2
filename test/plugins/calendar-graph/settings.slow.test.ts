import { describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, seconds } from "../../../src/lib/time.ts";
import { toGatewayError } from "../../../src/ports/errors.ts";
import type { MailboxSettingsResult } from "../../../src/ports/mailbox-settings.ts";
import { throttled } from "../../doubles/microsoft/throttling.ts";
import { graphError } from "../../doubles/microsoft/wire.ts";
import { ALICE, addMailboxes, BOB, CAROL, type Scenario, startScenario } from "./scenario.ts";

const GRANTED = ["Calendars.Read", "MailboxSettings.Read"];
const { signal } = new AbortController();

async function startGranted(...given: Parameters<typeof startScenario>): Promise<Scenario> {
  const scenario = await startScenario(...given);
  scenario.application.roles = GRANTED;
  return scenario;
}

const read = async (
  { source }: Scenario,
  ...mailboxes: readonly Mailbox[]
): Promise<readonly MailboxSettingsResult[]> => (await source.readMailboxSettings?.(mailboxes, signal)) ?? [];
const codesOf = (results: readonly MailboxSettingsResult[]): readonly string[] =>
  results.map((result) => ("error" in result ? result.error.code : "ok"));
const codeOf = (failing: Promise<unknown>): Promise<string> =>
  failing.then(
    () => "ok",
    (error: unknown) => toGatewayError(error).code,
  );

describe("mailbox settings by Graph", () => {
  it("are read in one request for twenty, one mailbox after the other", async () => {
    const latency = (route: string) => (route === "mailboxSettings" ? 100 : 0);
    const scenario = await startGranted({}, { latency });
    const mailboxes = addMailboxes(scenario.cloud, 20);
    await scenario.fetch(ALICE); // the token is there
    const results = read(scenario, ...mailboxes);
    await scenario.runtime.clock.advance(seconds(3));
    expect((await results).map(({ mailbox }) => mailbox)).toEqual(mailboxes);
    expect((await results)[7]).toMatchObject({ settings: { locale: "en-US", automaticReplies: { kind: "disabled" } } });
    expect([...scenario.cloud.requests].slice(1)).toEqual([
      ["batch", 1],
      ["mailboxSettings", 20],
    ]);
    expect(scenario.cloud.throttle.peak).toBe(1);
  });

  it("take one of the few requests at a time that the application has, so that calendars are not refused", async () => {
    const scenario = await startGranted({}, { latency: () => 200 });
    const mailboxes = addMailboxes(scenario.cloud, 200);
    const { clock } = scenario.runtime;
    const failures: unknown[] = [];
    const note = (error: unknown): number => failures.push(error);
    const work = Array.from({ length: 10 }, (_, index) => mailboxes.slice(index * 20, index * 20 + 20)).flatMap(
      (part) => [read(scenario, ...part).catch(note), scenario.fetch(...part).catch(note)],
    );
    for (let second = 0; second < 120; second++) await clock.advance(seconds(1));
    await Promise.all(work);
    expect(failures).toEqual([]);
    expect([scenario.cloud.throttle.peak, scenario.cloud.throttle.refusals]).toEqual([4, 0]);
  });

  it("that cannot be had at all leave the calendars' health as it is", async () => {
    const scenario = await startGranted();
    await scenario.fetch(ALICE);
    scenario.cloud.plan("graph", graphError(403, "Forbidden"));
    expect(await codeOf(read(scenario, ALICE))).not.toBe("ok");
    expect(scenario.source.health().state).toBe("ok");
  });

  it("of one mailbox that cannot be read spoil no other", async () => {
    const scenario = await startGranted();
    const mailboxes = addMailboxes(scenario.cloud, 6);
    scenario.cloud.addMailbox("user1@example.com").isLicensed = false;
    scenario.cloud.addMailbox("user2@example.com").access = "out-of-scope";
    scenario.cloud.addMailbox("user5@example.com").access = "access-policy";
    const [ok, denied] = ["ok", "graph-settings-denied"];
    const expected = [ok, "graph-mailbox-not-licensed", denied, ok, ok, "graph-access-policy"];
    expect(codesOf(await read(scenario, ...mailboxes))).toEqual(expected);
    expect(scenario.cloud.requests.get("mailboxSettings")).toBe(6);
  });

  it("that are throttled inside of an answer that went well wait as asked, all others with them", async () => {
    const scenario = await startGranted();
    scenario.cloud.planInner({ ...graphError(429, "ApplicationThrottled"), headers: { "Retry-After": "17" } });
    const results = await read(scenario, ALICE, BOB);
    expect(codesOf(results)).toEqual(["graph-throttled", "graph-throttled"]);
    for (const result of results) expect("error" in result && result.error.retryAfter).toBe(17_000);
    expect(scenario.cloud.requests.get("mailboxSettings")).toBe(1);
    expect(await codeOf(scenario.fetch(CAROL))).toBe("graph-throttled");
    await scenario.runtime.clock.advance(seconds(17));
    expect(await codeOf(scenario.fetch(CAROL))).toBe("ok");
    expect(codesOf(await read(scenario, ALICE, BOB))).toEqual(["ok", "ok"]);
  });

  it("that were read before the throttling are kept", async () => {
    const scenario = await startGranted();
    let count = 0;
    scenario.cloud.distort = (answer, route) =>
      route === "mailboxSettings" && ++count === 2 ? throttled("no-retry-after") : answer;
    const results = await read(scenario, ALICE, BOB, CAROL);
    expect(codesOf(results)).toEqual(["ok", "graph-throttled", "graph-throttled"]);
  });

  it("that are left out of the answer are told as such", async () => {
    const scenario = await startGranted();
    scenario.cloud.distort = (answer, route) =>
      route === "batch" ? { status: 200, body: { responses: [{ id: "2", status: 200, body: {} }] } } : answer;
    const [missing, ok] = ["graph-settings-missing", "ok"];
    expect(codesOf(await read(scenario, ALICE, BOB, CAROL))).toEqual([missing, ok, missing]);
  });

  it("come to an end when nothing but failed dependencies is answered", async () => {
    const scenario = await startGranted();
    const responses = [1, 2, 3].map((id) => ({ id: `${id}`, status: 424 }));
    scenario.cloud.distort = (answer, route) => (route === "batch" ? { status: 200, body: { responses } } : answer);
    expect(new Set(codesOf(await read(scenario, ALICE, BOB, CAROL)))).toEqual(new Set(["graph-settings-missing"]));
  });

  it("without the permission are one clear error after three tries, and calendars go on", async () => {
    const scenario = await startScenario();
    const mailboxes = addMailboxes(scenario.cloud, 10);
    expect(await codeOf(read(scenario, ...mailboxes))).toBe("graph-settings-denied");
    expect(scenario.cloud.requests.get("mailboxSettings")).toBe(3);
    expect(await scenario.fetch(ALICE)).toEqual([{ mailbox: ALICE, intervals: [] }]);
    expect(scenario.source.health().state).toBe("ok");
    scenario.application.roles = GRANTED;
    await scenario.runtime.clock.advance(hours(2)); // another token
    expect(codesOf(await read(scenario, ...mailboxes))).toEqual(mailboxes.map(() => "ok"));
  });

  it("are asked for as far as the option says", async () => {
    const off = await startGranted({ mailboxSettings: "off" });
    expect(off.source.readMailboxSettings).toBeUndefined();
    const locale = await startGranted({ mailboxSettings: "locale" });
    expect(await read(locale, ALICE)).toEqual([{ mailbox: ALICE, settings: { locale: "en-US" } }]);
    const replies = await startGranted({ mailboxSettings: "automatic-replies" });
    const expected = { automaticReplies: { kind: "disabled" } };
    expect(await read(replies, ALICE)).toEqual([{ mailbox: ALICE, settings: expected }]);
  });
});
