import { afterEach, describe, expect, it } from "vitest";
import type { TestStep } from "../../../src/ports/calendar-source.ts";
import { type ConnectProxy, type ProxyScript, startConnectProxy } from "../../doubles/connect-proxy.ts";
import { gatewayError } from "../calendar-ews/scenario.ts";
import { ALICE, DAY, type Scenario, startScenario } from "./scenario.ts";

let scenario: Scenario;
let proxy: ConnectProxy;
afterEach(async () => {
  await scenario.end();
  await proxy.stop();
});

const LOGIN = { "proxy-user": "alice", "proxy-password": "secret" };

async function startBehind(script: ProxyScript, options = {}): Promise<void> {
  proxy = await startConnectProxy(script);
  scenario = await startScenario({ options: { proxy: proxy.url, ...options } });
}

describe("a webdav server behind a proxy", () => {
  it("[G6] is read through it, with a login at the proxy, and tested by it", async () => {
    await startBehind({ login: "alice:secret" }, LOGIN);
    const results = await scenario.source.fetchBusyTime([ALICE], DAY, scenario.signal);
    expect(results).toEqual([{ mailbox: ALICE, intervals: [] }]);
    expect(proxy.asked).toEqual([new URL(scenario.server.url).host]);
    expect(proxy.logins).toEqual([true]);
    const steps: TestStep[] = [];
    for await (const step of scenario.source.test?.({}, scenario.signal) ?? []) steps.push(step);
    expect(steps.map(({ step, ok }) => [step, ok])).toEqual(
      ["DNS", "TCP", "proxy", "HTTP", "login"].map((step) => [step, true]),
    );
  });

  it.each<readonly [string, ProxyScript, string]>([
    ["refuses the password", { login: "alice:other" }, "webdav-proxy-unauthorized"],
    ["forbids the server", { status: 403 }, "webdav-proxy-refused"],
    ["hangs up", { instead: "close" }, "webdav-proxy-unavailable"],
  ])("[G6] [G8] has an error of its own when the proxy %s", async (_what, script, code) => {
    await startBehind(script, LOGIN);
    const error = await gatewayError(scenario.source.fetchBusyTime([ALICE], DAY, scenario.signal));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain("secret");
  });
});
