import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { hours, plus } from "../../../src/lib/time.ts";
import type { BusyTimeResult, TestStep } from "../../../src/ports/calendar-source.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import type { EwsOff } from "../../doubles/exchange/ews-switch.ts";
import { type OnlineScenario, startOnlineScenario } from "./oauth-scenario.ts";
import { addMailboxes, gatewayError, passUntil, startWatch } from "./scenario.ts";

let scene: OnlineScenario;

beforeEach(async () => {
  scene = await startOnlineScenario();
});

afterEach(() => scene.end());

function fetch(mailboxes: readonly Mailbox[]): Promise<readonly BusyTimeResult[]> {
  const start = scene.runtime.clock.now();
  return scene.source.fetchBusyTime(mailboxes, { start, end: plus(start, hours(24)) }, scene.signal);
}

const outcomes = (results: readonly BusyTimeResult[]): readonly string[] =>
  results.map((result) => ("error" in result ? result.error.code : "read"));

const requests = (): number => Object.values(scene.exchange.stats.requests).reduce((sum, count) => sum + count, 0);

describe("an application of Office 365", () => {
  it("reads and watches as the mailboxes, each request with its anchor, with one token", async () => {
    const mailboxes = addMailboxes(scene.exchange, 30);
    expect(new Set(outcomes(await fetch(mailboxes)))).toEqual(new Set(["read"]));
    const watch = startWatch(scene.source, mailboxes);
    await passUntil(scene.runtime.clock, () => watch.words.includes("all"));
    const [first] = mailboxes;
    const start = scene.runtime.clock.now() + 3_600_000;
    scene.exchange.findMailbox(first ?? "")?.addMeeting({ start, end: start + 1_800_000, status: "busy" });
    await passUntil(scene.runtime.clock, () => watch.words.includes(`changed ${first}`));
    watch.stop();
    await watch.ended;
    expect(scene.authenticator.anchors).not.toContain(undefined);
    expect(scene.authenticator.anchors[0]).toBe(first);
    expect([scene.tokens.made, scene.authenticator.refused]).toEqual([1, []]);
    expect(scene.exchange.stats.throttled).toEqual({});
  });

  it("takes a fresh token when the old one is refused, once", async () => {
    const mailboxes = addMailboxes(scene.exchange, 2);
    await fetch(mailboxes);
    scene.authenticator.revoke();
    expect(outcomes(await fetch(mailboxes))).toEqual(["read", "read"]);
    expect([scene.tokens.made, scene.authenticator.refused.length]).toEqual([2, 1]);
  });

  it.each([
    ["another audience", { aud: "https://graph.microsoft.com" }, "audience claim"],
    ["no permission", { roles: [] }, "no permissions"],
    ["no time left", { exp: 1 }, "expired"],
  ])("with tokens that have %s tries twice and says why", async (_what, claims, words) => {
    scene.tokens.claims = claims;
    const error = await gatewayError(fetch(addMailboxes(scene.exchange, 1)));
    expect(error).toMatchObject({ code: "ews-token-refused", type: "auth", isWithdrawn: false });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("eyJ");
    expect([scene.tokens.refused.length, scene.authenticator.refused.length, requests()]).toEqual([2, 2, 0]);
    expect(scene.source.health().state).toBe("down");
  });

  it("without a token asks nothing, and says why there is none", async () => {
    scene.tokens.failure = new GatewayError("the secret has expired", { type: "auth", code: "entra-secret-expired" });
    expect(await gatewayError(fetch(addMailboxes(scene.exchange, 1)))).toBe(scene.tokens.failure);
    expect(scene.exchange.stats.connectionsAccepted).toBe(0);
  });

  it("reads on as another mailbox where the first is unknown or blocked", async () => {
    const [alice, bob] = addMailboxes(scene.exchange, 2);
    const gone = parseMailbox("gone@example.com");
    if (!alice || !bob) throw new Error("no mailboxes");
    scene.exchange.ewsSwitch.blocked.add(alice);
    expect(outcomes(await fetch([gone, alice, bob]))).toEqual(["ews-mailbox-not-found", "read", "read"]);
    expect(outcomes(await fetch([gone, alice]))).toEqual(["ews-mailbox-not-found", "ews-mailbox-blocked"]);
    expect(scene.source.health().state).toBe("ok");
  });

  it.each([
    ["tenant", "body", "ews-disabled-by-tenant"],
    ["tenant", "header", "ews-disabled-by-tenant"],
    ["application", "body", "ews-application-not-allowed"],
    ["application", "header", "ews-application-not-allowed"],
    ["silent", "body", "ews-forbidden"],
  ] as const)("is told that EWS is off by the %s in the %s", async (off: EwsOff, form, code) => {
    const mailboxes = addMailboxes(scene.exchange, 5);
    Object.assign(scene.exchange.ewsSwitch, { off, form });
    expect(await gatewayError(fetch(mailboxes))).toMatchObject({ code, type: "auth", isWithdrawn: true });
    expect(requests()).toBe(1);
    expect(scene.source.health().state).toBe("down");
  });

  it("cannot watch a mailbox that EWS is off for, and watches the others", async () => {
    const mailboxes = addMailboxes(scene.exchange, 3);
    const [, blocked = ""] = mailboxes;
    scene.exchange.ewsSwitch.blocked.add(blocked);
    const watch = startWatch(scene.source, mailboxes);
    await passUntil(scene.runtime.clock, () => watch.words.includes("all"));
    expect(watch.words).toContain(`failed ${blocked} ews-mailbox-blocked`);
    expect(watch.changes.find(({ kind }) => kind === "failed")).toMatchObject({ error: { isWithdrawn: true } });
    watch.stop();
    await watch.ended;
  });

  it("is tried step by step, by name", async () => {
    const [alice] = addMailboxes(scene.exchange, 1);
    const steps: TestStep[] = [];
    for await (const step of scene.source.test?.({ mailbox: alice }, scene.signal) ?? []) steps.push(step);
    expect(steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(steps.find(({ step }) => step === "login")?.detail).toBe(
      "application 11111111-2222-4333-8444-555555555555 may use EWS (OAuth)",
    );
    expect(scene.authenticator.anchors).not.toContain(undefined);
  });
});
