import { afterEach, describe, expect, it } from "vitest";
import { FLAGS } from "../../../plugins/shared-microsoft/ntlm/flags.ts";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, plus, seconds } from "../../../src/lib/time.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { createLogins, NTLM_ACCOUNT, type NtlmScenario, type NtlmServer, startNtlmScenario } from "./ntlm-scenario.ts";
import { addMailboxes, gatewayError, type ScenarioOptions, startWatch, until } from "./scenario.ts";

const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

let scenario: NtlmScenario;
let mailboxes: readonly Mailbox[];

async function setUp(server: NtlmServer = {}, given: ScenarioOptions = {}): Promise<void> {
  scenario = await startNtlmScenario(server, given);
  mailboxes = addMailboxes(scenario.exchange, 3);
}

afterEach(() => scenario.end());

const fetch = (signal = scenario.signal) => scenario.source.fetchBusyTime(mailboxes, WINDOW, signal);
const refusals = () => scenario.exchange.stats.refusalsOf("http-401");
const connections = () => scenario.exchange.stats.connectionsAccepted;

/** The detail of the test's login step. */
async function loginStep(): Promise<string> {
  for await (const { step, detail } of scenario.source.test?.({}, scenario.signal) ?? []) {
    if (step === "login") return detail;
  }
  return "";
}

describe("[A1] a login by NTLM", () => {
  it("costs one question at first and two messages a connection; then nothing", async () => {
    await setUp();
    expect(await fetch()).toHaveLength(3);
    expect([refusals(), connections(), scenario.logins.accepted]).toEqual([2, 1, 1]);
    for (let call = 0; call < 20; call++) await fetch();
    expect([refusals(), connections(), scenario.logins.accepted]).toEqual([2, 1, 1]);
    expect([scenario.logins.wastedBodies, scenario.logins.refused]).toEqual([0, []]);
  });

  it("opens no more connections than requests run at once, and uses them again", async () => {
    await setUp();
    await fetch();
    const before = connections();
    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 10 }, () => fetch()));
    expect(connections() - before).toBeLessThanOrEqual(10);
    expect(scenario.logins.accepted).toBeLessThanOrEqual(11);
    expect(refusals()).toBe(1 + scenario.logins.accepted);
  });

  it("is NTLMv2 when the server takes NTLMv1 too", async () => {
    await setUp({ allowsVersion1: true });
    await fetch();
    expect(await loginStep()).toBe("EXAMPLE\\svc may use EWS (NTLMv2)");
  });

  it("works for calls and for endless answers side by side, each on its own connection", async () => {
    await setUp();
    const watch = startWatch(scenario.source, mailboxes);
    await until(() => scenario.exchange.stats.streamingConnections === 1);
    await fetch();
    const [mailbox] = mailboxes;
    scenario.exchange.findMailbox(mailbox ?? "")?.addMeeting({ start: WINDOW.start, end: WINDOW.end, status: "busy" });
    await until(() => watch.words.includes(`changed ${mailbox}`));
    expect(scenario.logins.refused).toEqual([]);
    watch.stop();
    await watch.ended;
  });

  it.each(["EXAMPLE\\svc", "svc@example.com"])("takes the account as %s", async (account) => {
    await setUp({}, { options: { account } });
    expect(await fetch()).toHaveLength(3);
  });
});

describe("[R6] two servers", () => {
  const two = { ...NTLM_ACCOUNT, user: "BRANCH\\presence", password: "another" };

  it("are each logged into as the account of their own", async () => {
    await setUp();
    const first = scenario;
    await setUp({ accounts: [two] }, { options: { account: two.user, password: two.password } });
    expect(await Promise.all([fetch(), first.source.fetchBusyTime(mailboxes, WINDOW, first.signal)])).toHaveLength(2);
    expect([first.logins.accepted, first.logins.refused]).toEqual([1, []]);
    expect([scenario.logins.accepted, scenario.logins.refused]).toEqual([1, []]);
    await first.end();
  });

  it("take the same account where both are given it", async () => {
    await setUp();
    const first = scenario;
    await setUp();
    await Promise.all([fetch(), first.source.fetchBusyTime(mailboxes, WINDOW, first.signal)]);
    expect([first.logins.accepted, scenario.logins.accepted]).toEqual([1, 1]);
    await first.end();
  });
});

describe("the option auth", () => {
  it.each([
    ["[A5] [A7]", ["Negotiate", "NTLM"], "NTLMv2"],
    ["[A5] [A6]", ["Negotiate", "NTLM", 'Basic realm="mail"'], "NTLMv2"],
    ["[A5]", ['Negotiate, NTLM, Basic realm="mail"'], "NTLMv2"],
    ["[A5]", ["Negotiate"], "NTLMv2"],
    ["[A5] [A6] [A7]", ['Basic realm="mail"'], "Basic"],
  ])("%s auto takes the strongest of %j", async (_ids, schemes, name) => {
    await setUp({ schemes });
    expect(await fetch()).toHaveLength(3);
    expect(await loginStep()).toBe(`EXAMPLE\\svc may use EWS (${name})`);
  });

  it("auto follows a server that is set up anew, after one request that says what is offered", async () => {
    await setUp();
    await fetch();
    scenario.logins = createLogins({ schemes: ['Basic realm="mail"'] });
    const error = await gatewayError(fetch());
    expect(error).toMatchObject({ code: "ews-login-not-offered", type: "auth" });
    expect(error.message).toContain("offers basic");
    expect(await fetch()).toHaveLength(3);
    expect(scenario.logins.refused).toEqual([]);
  });

  it("auto goes on to Basic where Negotiate means Kerberos only", async () => {
    const schemes = ["Negotiate", 'Basic realm="mail"'];
    await setUp({ schemes });
    const { logins } = scenario;
    const authenticate = logins.authenticate.bind(logins);
    logins.authenticate = (request) =>
      request.headers.authorization?.startsWith("Negotiate") ? { challenges: schemes } : authenticate(request);
    expect((await gatewayError(fetch())).message).toContain("offers negotiate, basic");
    expect(await fetch()).toHaveLength(3);
    expect(await loginStep()).toContain("(Basic)");
  });

  it("auto sends nothing to a server that offers no login it knows", async () => {
    await setUp({ schemes: ["Bearer"] });
    expect((await gatewayError(fetch())).message).toContain("the server offers bearer. Set auth=auto");
    expect(scenario.logins.wastedBodies).toBe(0);
  });

  it("ntlm never sends the password by Basic", async () => {
    await setUp({ schemes: ['Basic realm="mail"'] }, { options: { auth: "ntlm" } });
    expect((await gatewayError(fetch())).code).toBe("ews-login-not-offered");
  });

  it("basic says what the server offers instead", async () => {
    await setUp({}, { options: { auth: "basic" } });
    expect((await gatewayError(fetch())).message).toContain("offers negotiate, ntlm");
  });

  it("[A2] ntlm-v1 logs in by NTLMv1, which nothing else does", async () => {
    await setUp({ allowsVersion1: true }, { options: { auth: "ntlm-v1" } });
    await fetch();
    expect(await loginStep()).toContain("NTLMv1");
    scenario.logins = createLogins();
    await scenario.runtime.clock.advance(minutes(2));
    expect((await gatewayError(fetch())).code).toBe("ews-unauthorized");
    expect(scenario.logins.refused).toEqual(["NTLMv1"]);
  });

  it.each([0, FLAGS.extendedSessionSecurity | FLAGS.encryption128])(
    "[A3] works with NTLMv2 session security required or not (%i)",
    async (requiredFlags) => {
      await setUp({ requiredFlags });
      expect(await fetch()).toHaveLength(3);
    },
  );
});

describe("a refused NTLM login", () => {
  it("[A1] is tried once by twenty requests together, and not again for five minutes", async () => {
    await setUp({}, { options: { password: "wrong" } });
    const errors = await Promise.all(Array.from({ length: 20 }, () => gatewayError(fetch())));
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["ews-unauthorized"]));
    expect(scenario.logins.refused).toEqual(["wrong password"]);
    await scenario.runtime.clock.advance(minutes(5) - 1);
    await gatewayError(fetch());
    expect(scenario.logins.refused).toHaveLength(1);
    await scenario.runtime.clock.advance(1);
    await gatewayError(fetch());
    expect(scenario.logins.refused).toHaveLength(2);
  });

  it("is tried once when the password changes and all connections are made anew", async () => {
    await setUp();
    await fetch();
    await Promise.all(Array.from({ length: 10 }, () => fetch()));
    scenario.logins = createLogins({ accounts: [{ ...NTLM_ACCOUNT, password: "changed" }] });
    await scenario.runtime.clock.advance(minutes(2));
    const errors = await Promise.all(Array.from({ length: 10 }, () => gatewayError(fetch())));
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["ews-unauthorized"]));
    expect(scenario.logins.refused).toEqual(["wrong password"]);
  });

  it("is told without the password, and with what to do", async () => {
    await setUp({}, { options: { password: "wrong-and-secret" } });
    const error = await gatewayError(fetch());
    expect(error.message).toMatch(/^localhost:\d+: the account or its password was refused\. Check account/);
    expect(JSON.stringify([error.message, scenario.runtime.events])).not.toContain("wrong-and-secret");
  });
});

describe("a server with trouble in NTLM", () => {
  it("that asks again on a live connection gets one new login there", async () => {
    await setUp();
    await fetch();
    const before = connections();
    scenario.logins.forgetLogins();
    expect(await fetch()).toHaveLength(3);
    expect([connections() - before, scenario.logins.accepted, scenario.logins.wastedBodies]).toEqual([0, 2, 1]);
  });

  it("that says Persistent-Auth: false gets a login with each call, and no body in vain", async () => {
    await setUp();
    scenario.logins.isPersistent = false;
    for (let call = 0; call < 3; call++) expect(await fetch()).toHaveLength(3);
    expect([connections(), scenario.logins.accepted, scenario.logins.wastedBodies]).toEqual([1, 3, 0]);
  });

  it.each([
    ["at-negotiate", "ews-unavailable"],
    ["after-challenge", "ews-login-interrupted"],
    ["at-authenticate", "ews-login-interrupted"],
  ] as const)("that closes the connection %s is %s, and the next login works", async (where, code) => {
    await setUp();
    scenario.logins.interrupt(where);
    expect((await gatewayError(fetch())).code).toBe(code);
    expect(await fetch()).toHaveLength(3);
    expect(scenario.logins.refused).toEqual([]);
  });

  it("that closes idle connections is called over new ones, without an error", async () => {
    await setUp();
    await fetch();
    scenario.exchange.faults.dropConnections();
    await until(() => scenario.exchange.stats.connections === 0);
    let turns = 0;
    await until(() => ++turns > 10, "the client's side of the connections to be closed");
    expect(await fetch()).toHaveLength(3);
    expect(scenario.logins.accepted).toBe(2);
  });

  it("and a clock ten minutes off does not mind, for its own time is used", async () => {
    await setUp();
    scenario.logins.skew = minutes(10);
    expect(await fetch()).toHaveLength(3);
  });

  it("and a clock ten minutes off that it does not tell refuses, and the error says so", async () => {
    await setUp({ tellsTime: false });
    scenario.logins.skew = minutes(10);
    const error = await gatewayError(fetch());
    expect(scenario.logins.refused).toEqual(["clock skew"]);
    expect(error).toMatchObject({ code: "ews-unauthorized" });
    expect(error.message).toContain("its clock is 10 minutes ahead of the gateway's");
  });

  it("that does not answer in the middle of a login is given up in time", async () => {
    await setUp({}, { parameters: { "exchange-timeout": "3" } });
    await fetch();
    scenario.logins.forgetLogins();
    scenario.exchange.faults.hang();
    const failed = gatewayError(fetch());
    await until(() => scenario.logins.accepted === 2);
    await scenario.runtime.clock.advance(seconds(3));
    expect((await failed).code).toBe("ews-timeout");
    expect(await fetch()).toHaveLength(3);
  });

  it("whose challenge is garbage is told so", async () => {
    await setUp();
    await fetch();
    scenario.logins.authenticate = () => ({ challenges: ["NTLM AAAA"] });
    expect(await gatewayError(fetch())).toMatchObject({ code: "ews-bad-answer", type: "wait" });
  });
});
