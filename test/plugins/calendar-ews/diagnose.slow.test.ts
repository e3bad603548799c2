import { afterEach, describe, expect, it } from "vitest";
import { parseMailbox } from "../../../src/core/addresses.ts";
import type { TestStep, TestSubject } from "../../../src/ports/calendar-source.ts";
import { systemClock } from "../../doubles/exchange/clock.ts";
import type { Account } from "../../doubles/exchange/site.ts";
import { ACCOUNT, createContext, createEwsSource, type Scenario, startScenario } from "./scenario.ts";

const ALICE = parseMailbox("alice@example.com");
const BOB = parseMailbox("bob@example.com");
const ALICE_SID = "S-1-5-21-1004336348-1177238915-682003330-1104";
const CONNECTED = ["ok DNS", "ok TCP", "ok HTTP", "ok login", "ok version"];

let scenario: Scenario;
afterEach(() => scenario.end());

async function startWith(account: Partial<Account> = {}, options: Record<string, string> = {}): Promise<Scenario> {
  scenario = await startScenario({ exchange: { accounts: [{ ...ACCOUNT, ...account }] }, options });
  scenario.exchange.addMailbox(ALICE, { sid: ALICE_SID, principalName: "al@corp.example.com" });
  scenario.exchange.addMailbox(BOB);
  return scenario;
}

async function stepsFor(subject: TestSubject): Promise<readonly TestStep[]> {
  const steps: TestStep[] = [];
  for await (const step of scenario.source.test?.(subject, scenario.signal) ?? []) steps.push(step);
  return steps;
}

const word = ({ step, ok, isWarning }: TestStep): string => `${isWarning ? "warning" : ok ? "ok" : "failed"} ${step}`;
const detailOf = (steps: readonly TestStep[], name: string): string | undefined =>
  steps.find(({ step }) => step === name)?.detail;

describe("the test of a server", () => {
  it("[T1] ends with the version where nobody is named, and each step has its time", async () => {
    await startWith();
    const steps = await stepsFor({});
    expect(steps.map(word)).toEqual(CONNECTED);
    expect(detailOf(steps, "HTTP")).toMatch(
      /^Exchange Reachability \(pingable\): HTTP 401, logins offered: basic; whether it is Exchange does not show yet/,
    );
    for (const { milliseconds } of steps) expect(milliseconds).toBeGreaterThanOrEqual(0);
  });

  it("warns where the server has another time than this machine", async () => {
    scenario = await startScenario({ exchange: { accounts: [ACCOUNT], clock: systemClock(() => 0) } });
    const steps = await stepsFor({});
    expect(steps.map(word)).toEqual(CONNECTED.with(2, "warning HTTP"));
    expect(detailOf(steps, "HTTP")).toMatch(/this machine's clock is \d+ s ahead of the server's: .* NTP$/);
  });

  it("[I4] [I5] impersonates by SMTP address, by SID, by an account without a mailbox, reads and subscribes, and leaves nothing behind", async () => {
    const { exchange } = await startWith();
    const steps = await stepsFor({ mailbox: ALICE, sid: ALICE_SID });
    const more = ["impersonation by SMTP address", "impersonation by SID", "availability", "subscription"];
    expect(steps.map(word)).toEqual([...CONNECTED, ...more.map((step) => `ok ${step}`)]);
    expect(exchange.stats.subscriptions).toBe(0);
  });

  it("[I4] tries the user principal name where no mailbox has the SMTP address, and says what to correct", async () => {
    await startWith();
    const steps = await stepsFor({ mailbox: parseMailbox("al@corp.example.com") });
    expect(steps.map(word)).toEqual([
      ...CONNECTED,
      "failed impersonation by SMTP address",
      "warning impersonation by user principal name",
      "failed availability",
    ]);
    expect(detailOf(steps, "impersonation by user principal name")).toMatch(
      /primary SMTP address is another one: correct/,
    );
  });

  it("[I2] [I6] tells what right is missing, and reads the calendar without impersonation", async () => {
    await startWith({ mayImpersonate: false });
    const steps = await stepsFor({ mailbox: ALICE });
    expect(steps.map(word)).toEqual([...CONNECTED, "failed impersonation by SMTP address", "ok availability"]);
    expect(detailOf(steps, "impersonation by SMTP address")).toMatch(
      /^alice@example\.com at localhost:\d+: ErrorImpersonateUserDenied: .*ApplicationImpersonation.*2007: .*ms-Exch-EPI-May-Impersonate .*\(ews-impersonation-denied\)$/,
    );
  });

  it.each([
    [
      "ErrorImpersonationDenied",
      /may impersonate nobody on this server.*ms-Exch-EPI-Impersonation on every Client Access/,
    ],
    ["ErrorImpersonationFailed", /could not take on the user's identity/],
    ["ErrorInvalidSmtpAddress", /not an SMTP address as the server has them/],
    ["ErrorNonPrimarySmtpAddress", /a secondary address/],
    ["ErrorNonExistentMailbox", /no mailbox has this name/],
  ])("[I2] tells %s apart, with what to do", async (code, expected) => {
    const { exchange } = await startWith();
    exchange.faults.moveMailbox(ALICE, code);
    const detail = detailOf(await stepsFor({ mailbox: ALICE }), "impersonation by SMTP address");
    expect(detail).toContain(`: ${code}: `);
    expect(detail).toMatch(expected);
  });

  it("[I6] [I7] warns when the account may impersonate somebody outside of the scope", async () => {
    await startWith();
    const steps = await stepsFor({ outside: BOB });
    expect(steps.map(word)).toEqual([...CONNECTED, "warning scope"]);
    expect(detailOf(steps, "scope")).toMatch(/may impersonate bob@example\.com, who is outside .*RecipientWriteScope/);
  });

  it("[I7] is content when somebody outside of the scope is refused, and says so", async () => {
    await startWith({ scope: [ALICE] });
    const steps = await stepsFor({ mailbox: ALICE, outside: BOB });
    expect(steps.slice(-2).map(word)).toEqual(["ok subscription", "ok scope"]);
    expect(detailOf(steps, "scope")).toBe("the account may not impersonate bob@example.com, as it should be");
    const unknown = await stepsFor({ outside: parseMailbox("carol@example.com") });
    expect(unknown.map(word).at(-1)).toBe("failed scope");
  });

  it("[I8] finds a right that was given meanwhile, without a restart", async () => {
    const scope: string[] = [];
    await startWith({ scope });
    expect((await stepsFor({ mailbox: ALICE })).map(word)).toContain("failed impersonation by SMTP address");
    scope.push(ALICE);
    expect((await stepsFor({ mailbox: ALICE })).map(word).at(-1)).toBe("ok subscription");
  });

  it("fails at the login when the password is refused, whatever else would work", async () => {
    await startWith({}, { password: "wrong" });
    const steps = await stepsFor({ mailbox: ALICE });
    expect(steps.map(word)).toEqual(["ok DNS", "ok TCP", "ok HTTP", "failed login"]);
    expect(detailOf(steps, "login")).toMatch(/refused.*\(ews-unauthorized\)$/);
  });

  it("[T2] says that a path is wrong, with what answered there", async () => {
    await startWith();
    const url = new URL("/owa/", scenario.exchange.url).href;
    const login = { url, account: ACCOUNT.user, password: ACCOUNT.password };
    const source = createEwsSource(login, createContext(scenario.runtime));
    await source.start(scenario.signal);
    const steps: TestStep[] = [];
    for await (const step of source.test?.({}, scenario.signal) ?? []) steps.push(step);
    await source.stop();
    expect(steps.map(word)).toEqual(["ok DNS", "ok TCP", "failed HTTP"]);
    expect(detailOf(steps, "HTTP")).toMatch(/^Exchange Reachability \(unreachable\): .*HTTP 404.*\(ews-wrong-url\)$/);
  });
});
