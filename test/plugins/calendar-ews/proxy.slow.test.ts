import { afterEach, describe, expect, it } from "vitest";
import { hours, plus } from "../../../src/lib/time.ts";
import type { TestStep } from "../../../src/ports/calendar-source.ts";
import { type ConnectProxy, type ProxyScript, startConnectProxy } from "../../doubles/connect-proxy.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { startNtlmScenario } from "./ntlm-scenario.ts";
import {
  addMailboxes,
  createContext,
  createEwsSource,
  gatewayError,
  type Scenario,
  startScenario,
  until,
} from "./scenario.ts";

const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

let scenario: Scenario;
let proxy: ConnectProxy;
afterEach(async () => {
  await scenario.end();
  await proxy.stop();
});

async function startBehind(script: ProxyScript, options: Record<string, string> = {}): Promise<void> {
  proxy = await startConnectProxy(script);
  scenario = await startScenario({ options: { proxy: proxy.url, ...options } });
}

const fetch = () => scenario.source.fetchBusyTime(addMailboxes(scenario.exchange, 1), WINDOW, scenario.signal);

async function testSteps(): Promise<readonly TestStep[]> {
  const steps: TestStep[] = [];
  for await (const step of scenario.source.test?.({}, scenario.signal) ?? []) steps.push(step);
  return steps;
}

describe("a server behind a proxy", () => {
  it("[G6] [G7] [G8] is read through one tunnel that is kept, with a login at the proxy", async () => {
    await startBehind({ login: "alice:secret" }, { "proxy-user": "alice", "proxy-password": "secret" });
    for (let round = 0; round < 5; round++) expect(await fetch()).toHaveLength(1);
    expect(proxy.asked).toEqual([new URL(scenario.exchange.url).host]);
    expect(proxy.logins).toEqual([true]);
  });

  it("[G6] is logged in to by NTLM, whose connection is the tunnel", async () => {
    proxy = await startConnectProxy();
    const ntlm = await startNtlmScenario({}, { options: { proxy: proxy.url } });
    scenario = ntlm;
    for (let round = 0; round < 5; round++) expect(await fetch()).toHaveLength(1);
    expect(proxy.asked).toHaveLength(1);
    expect(ntlm.logins.accepted).toBe(1);
  });

  it.each<readonly [string, ProxyScript, Record<string, string>, string, RegExp]>([
    ["wants a login", { login: "alice:secret" }, {}, "ews-proxy-unauthorized", /it wants a login \(HTTP 407\)/],
    [
      "refuses the password",
      { login: "alice:secret" },
      { "proxy-user": "alice", "proxy-password": "secret2" },
      "ews-proxy-unauthorized",
      /refused user or password/,
    ],
    ["forbids the server", { status: 403 }, {}, "ews-proxy-refused", /does not connect to localhost:\d+ \(HTTP 403\)/],
    ["hangs up", { instead: "close" }, {}, "ews-proxy-unavailable", /closed the connection/],
    ["answers garbage", { instead: { say: "hello\r\n\r\n" } }, {}, "ews-proxy-unavailable", /not valid HTTP/],
    ["closes the tunnel in the middle", { cutAfter: 300 }, {}, "ews-unavailable", /./],
  ])("[G6] [G8] has an error of its own when the proxy %s", async (_what, script, options, code, words) => {
    await startBehind(script, options);
    const error = await gatewayError(fetch());
    expect(error).toMatchObject({ code, message: expect.stringMatching(words) });
    expect(error.message).not.toContain("secret");
    expect(error.message).toContain(new URL(scenario.exchange.url).host);
  });

  it("is given up like any other when the proxy hangs", async () => {
    await startBehind({ instead: "hang" });
    const error = gatewayError(fetch());
    await until(() => proxy.asked.length === 1);
    await scenario.runtime.clock.advance(3000);
    expect((await error).code).toBe("ews-timeout");
  });

  it("[G6] [T1] is tested step by step, the proxy among them", async () => {
    await startBehind({ login: "alice:secret" }, { "proxy-user": "alice", "proxy-password": "secret" });
    const steps = await testSteps();
    expect(steps.map(({ step, ok }) => [step, ok])).toEqual(
      ["DNS", "TCP", "proxy", "HTTP", "login", "version"].map((step) => [step, true]),
    );
    const { host } = new URL(proxy.url);
    expect(steps[2]?.detail).toMatch(new RegExp(`^${host} connects to localhost port \\d+, logged in as alice$`));
  });

  it("[G8] [T2] fails its test at the proxy where that refuses, and at the proxy's name where there is none", async () => {
    await startBehind({ login: "alice:secret" });
    expect((await testSteps()).at(-1)).toMatchObject({
      step: "proxy",
      ok: false,
      detail: expect.stringMatching(/^Exchange Reachability \(unreachable\): .*HTTP 407.*\(ews-proxy-unauthorized\)$/),
    });
    const login = { url: scenario.exchange.url, account: "svc", password: "pw", proxy: "http://nowhere.invalid:3128" };
    const lost = createEwsSource(login, createContext(scenario.runtime));
    await lost.start(scenario.signal);
    const steps: TestStep[] = [];
    for await (const step of lost.test?.({}, scenario.signal) ?? []) steps.push(step);
    await lost.stop();
    expect(steps).toMatchObject([{ step: "DNS", ok: false, detail: expect.stringContaining("nowhere.invalid:3128") }]);
  });

  it.each([
    ["ftp://proxy.example.com", /must be a URL such as/],
    ["proxy.example.com:3128", /must be a URL such as/],
    ["http://alice:secret@proxy.example.com", /must not hold a user/],
    ["http://proxy.example.com/path", /must end after host and port/],
  ])("[G6] is refused with the proxy %s", async (url, expected) => {
    await startBehind({});
    const options = { url: "https://mail.example.com", account: "svc", password: "pw", proxy: url };
    expect(() => createEwsSource(options, createContext(scenario.runtime))).toThrow(expected);
  });
});
