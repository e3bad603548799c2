import { describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import type { TestStep } from "../../../src/ports/calendar-source.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { LoopbackListener } from "../../doubles/webdav/loopback-listener.ts";
import { ALICE, createWebdavSource, meetingAt, type Scenario, useScenarios } from "./scenario.ts";

const start = useScenarios();

const test = async ({ source, signal }: Scenario, mailbox?: Mailbox): Promise<readonly TestStep[]> => {
  const steps: TestStep[] = [];
  for await (const step of source.test?.({ mailbox }, signal) ?? []) steps.push(step);
  return steps;
};

const words = (steps: readonly TestStep[]): readonly string[] =>
  steps.map(({ step, ok }) => `${step} ${ok ? "ok" : "not ok"}`);

describe("the test of a webdav server", () => {
  it("[L3] goes from the name to the mailbox, and shows the calendar folder's name as people write it", async () => {
    const given = await start();
    const mailbox = given.server.findMailbox(ALICE);
    if (mailbox) mailbox.folder = "Календарь";
    mailbox?.addMeeting(meetingAt(1));
    const steps = await test(given, ALICE);
    expect(words(steps)).toEqual([
      "DNS ok",
      "TCP ok",
      "HTTP ok",
      "login ok",
      "folder ok",
      "search ok",
      "notifications ok",
    ]);
    const details = steps.map(({ detail }) => detail).join("\n");
    expect(details).toContain("Exchange Reachability (pingable): HTTP 401, logins offered: basic");
    expect(details).toContain("svc may use WebDAV (Basic)");
    expect(details).toContain("the calendar is /exchange/alice@example.com/Календарь");
    expect(details).toContain("1 entries in the next 24 hours");
    expect(details).toContain("notified by UDP");
    expect(given.server.subscriptions.all.size).toBe(0);
  });

  it("without a mailbox ends with the login", async () => {
    expect(words(await test(await start()))).toEqual(["DNS ok", "TCP ok", "HTTP ok", "login ok"]);
  });

  it("names the login as what failed when the password is wrong, and says what to do", async () => {
    const steps = await test(await start({ options: { password: "wrong" } }), ALICE);
    expect(words(steps)).toEqual(["DNS ok", "TCP ok", "HTTP ok", "login not ok"]);
    expect(steps.at(-1)?.detail).toContain("Check account and password");
    expect(steps.at(-1)?.detail).not.toContain("wrong");
  });

  it("tells a server without WebDAV, such as Exchange 2010, by its answer", async () => {
    const given = await start();
    given.server.plan({ status: 200, headers: { Allow: "GET" } }, { method: "OPTIONS" });
    const steps = await test(given);
    expect(steps.at(-1)).toMatchObject({ step: "login", ok: false });
    expect(steps.at(-1)?.detail).toContain("type=ews");
  });

  it("names missing rights on the mailbox", async () => {
    const given = await start();
    const refusals = given.server.findMailbox(ALICE)?.refusals;
    if (refusals) Object.assign(refusals, { root: 403, calendar: 403 });
    const steps = await test(given, ALICE);
    expect(steps.at(-1)).toMatchObject({ step: "folder", ok: false });
    expect(steps.at(-1)?.detail).toContain("Receive-As");
  });

  it("says why no datagrams are heard", async () => {
    const listener = new LoopbackListener();
    listener.refusal = new GatewayError("port 50020 is taken", { type: "wait", code: "notification-port-taken" });
    const steps = await test(await start({ listener }), ALICE);
    expect(steps.at(-1)).toMatchObject({ step: "notifications", ok: true });
    expect(steps.at(-1)?.detail).toContain("port 50020 is taken");
  });

  it("of a server that nobody hears at fails at TCP", async () => {
    const given = await start();
    given.server.stop();
    const steps = await test(given, ALICE);
    expect(words(steps)).toEqual(["DNS ok", "TCP not ok"]);
    expect(steps.at(-1)?.detail).toMatch(/^Exchange Reachability \(unreachable\): .*\(webdav-unavailable\)$/);
  });

  it("of a source that does not run is one failed step", async () => {
    const given = await start();
    const source = createWebdavSource(
      { url: given.server.url, account: "svc", password: "secret" },
      { runtime: given.runtime },
    );
    expect(words(await test({ ...given, source }, ALICE))).toEqual(["start not ok"]);
  });
});
