import { afterEach, describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox } from "../../../../src/core/addresses.ts";
import { hours, minutes, plus } from "../../../../src/lib/time.ts";
import type { UserSettings, WrongAnswer } from "../../../doubles/exchange/autodiscover.ts";
import { MONDAY_MORNING } from "../../../doubles/test-runtime.ts";
import { createLogins, NTLM_ACCOUNT } from "../ntlm-scenario.ts";
import { gatewayError, type ScenarioOptions, startWatch, until } from "../scenario.ts";
import { meet, saw, watchUp } from "../watch-scenario.ts";
import { type Sites, startSites } from "./sites.ts";

let sites: Sites;
const setUp = async (count = 3, options?: ScenarioOptions): Promise<void> => {
  sites = await startSites(count, options);
};
afterEach(() => sites.end());

const settle = (index: number, settings: UserSettings): void =>
  sites.exchange.autodiscover.set(sites.mailboxes[index] ?? "", settings);
const asked = (): readonly number[] => sites.exchange.autodiscover.asked.map(({ addresses }) => addresses.length);
const fetch = (mailboxes: readonly Mailbox[] = sites.mailboxes) =>
  sites.source.fetchBusyTime(mailboxes, { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) }, sites.signal);
const detail = (): string => {
  const health = sites.source.health();
  return "detail" in health ? (health.detail ?? "") : health.state;
};

/** The endpoint is configured, so that no other is looked for when it fails: that would ask real name servers. */
const AT_THE_SERVER: ScenarioOptions = {
  optionsAt: (url) => ({ autodiscover: new URL("/autodiscover/autodiscover.svc", url).href }),
};

describe("[R4] with Autodiscover, mailboxes", () => {
  it("belong together that have one address and one group", async () => {
    await setUp(4);
    settle(1, { externalEwsUrl: sites.exchange.url, grouping: "DB2" });
    settle(2, { externalEwsUrl: sites.exchange.url.toLowerCase(), grouping: "DB2" });
    settle(3, { externalEwsUrl: sites.branch.url, grouping: "DB2" });
    const [first, second, third, fourth] = await sites.locate();
    expect(second).toBe(third);
    expect(new Set([first, second, fourth]).size).toBe(3);
    expect(detail()).toContain("Autodiscover: 4 mailboxes at 3 places");
  });

  it("are asked for fifty at a time, once a day", async () => {
    await setUp(120);
    await sites.locate();
    await sites.locate(sites.mailboxes.slice(50));
    expect(asked().toSorted()).toEqual([20, 50, 50]);
    await sites.runtime.clock.advance(hours(24));
    await sites.locate(sites.mailboxes.slice(0, 2));
    expect(asked()).toHaveLength(4);
  });

  it("are watched at the server that has them, and read at the configured one", async () => {
    await setUp();
    for (const index of [0, 1, 2]) settle(index, { externalEwsUrl: sites.branch.url, grouping: "B" });
    await sites.locate();
    const watch = await watchUp(sites, sites.mailboxes);
    expect([sites.exchange.stats.subscriptions, sites.branch.stats.subscriptions]).toEqual([0, 3]);
    meet({ ...sites, exchange: sites.branch }, sites.mailboxes[1]);
    await saw(watch, `changed ${sites.mailboxes[1]}`);
    await fetch();
    expect(sites.branch.stats.requestsOf("GetUserAvailability")).toBe(0);
    watch.stop();
    await watch.ended;
    await until(() => sites.branch.stats.subscriptions === 0, "farewell");
  });

  it("of several servers, or of an unknown one, are watched at the configured one", async () => {
    await setUp();
    settle(1, { externalEwsUrl: sites.branch.url });
    await sites.locate();
    const watch = await watchUp(sites, sites.mailboxes);
    expect([sites.exchange.stats.subscriptions, sites.branch.stats.subscriptions]).toEqual([3, 0]);
    watch.stop();
  });

  it("that nobody knows stand for themselves, and are asked for again after an hour", async () => {
    await setUp(1);
    const stranger = parseMailbox("carol@example.com");
    expect(await sites.locate([...sites.mailboxes, stranger])).toEqual([expect.stringContaining("localhost"), ""]);
    await sites.locate([stranger]);
    expect(asked()).toEqual([2]);
    await sites.runtime.clock.advance(hours(1));
    await sites.locate([...sites.mailboxes, stranger]);
    expect(asked()).toEqual([2, 1]);
  });

  it("are found by plain XML where there is no SOAP (Exchange 2007)", async () => {
    await setUp();
    sites.exchange.autodiscover.offers = ["pox"];
    settle(0, { internalEwsUrl: sites.branch.url });
    const [first, second, third] = await sites.locate();
    expect(first).toContain(new URL(sites.branch.url).port);
    expect(second).toBe(third);
    expect(sites.exchange.autodiscover.asked.map(({ protocol }) => protocol)).toEqual(["pox", "pox", "pox"]);
  });

  it("are found where the server does not know the newest request version", async () => {
    await setUp();
    sites.exchange.autodiscover.refusedVersions = ["Exchange2013_SP1"];
    expect(new Set(await sites.locate()).size).toBe(1);
    expect(asked()).toEqual([3, 3]);
  });

  it.each<readonly [string, (s: Sites) => UserSettings]>([
    ["another address", () => ({ redirectAddress: "user001@example.com" })],
    ["another server's SOAP", (s) => ({ redirectUrl: new URL("/autodiscover/autodiscover.svc", s.branch.url).href })],
    [
      "another server's plain XML",
      (s) => ({ redirectUrl: new URL("/Autodiscover/Autodiscover.xml", s.branch.url).href }),
    ],
  ])("are followed to %s", async (_where, settings) => {
    await setUp();
    const { branch, mailboxes } = sites;
    branch.autodiscover.offers = ["soap", "pox"];
    branch.autodiscover.set(mailboxes[0] ?? "", { externalEwsUrl: branch.url });
    settle(1, { externalEwsUrl: branch.url });
    settle(0, settings(sites));
    const [first, second, third] = await sites.locate();
    expect(first).toBe(second);
    expect(first).not.toBe(third);
  });

  it("are followed over an HTTP redirect within the organisation", async () => {
    await setUp();
    const { exchange, branch, mailboxes } = sites;
    branch.autodiscover.offers = ["soap"];
    for (const mailbox of mailboxes) branch.autodiscover.set(mailbox, { externalEwsUrl: branch.url });
    exchange.autodiscover.wrong = {
      kind: "redirect",
      location: `${new URL(branch.url).origin}/autodiscover/autodiscover.svc`,
    };
    expect(new Set(await sites.locate()).size).toBe(1);
  });

  it("that are redirected in a circle are left alone after a few rounds", async () => {
    await setUp(2);
    settle(0, { redirectAddress: "user001@example.com" });
    settle(1, { redirectAddress: "user000@example.com" });
    expect(await gatewayError(sites.locate())).toMatchObject({ code: "ews-autodiscover-failed" });
    expect(asked().length).toBeLessThan(8);
  });
});

describe("[R4] by NTLM", () => {
  it("Autodiscover is asked as the server itself is", async () => {
    await setUp(60, {
      exchange: { accounts: [NTLM_ACCOUNT], authenticator: createLogins() },
      options: { account: NTLM_ACCOUNT.user, password: NTLM_ACCOUNT.password },
    });
    expect(new Set(await sites.locate()).size).toBe(1);
    expect(asked()).toEqual([50, 10]);
  });
});

describe("[R4] the password is not sent to a foreign host", () => {
  const endpoint = (path = "svc"): string => `${sites.foreign.origin}/autodiscover/autodiscover.${path}`;

  it.each<readonly [string, (s: Sites) => void]>([
    ["a SOAP answer", () => settle(0, { redirectUrl: endpoint() })],
    [
      "a plain XML answer",
      (s) => {
        s.exchange.autodiscover.offers = ["pox"];
        settle(0, { redirectUrl: endpoint("xml") });
      },
    ],
    [
      "an HTTP redirect",
      (s) => {
        s.exchange.autodiscover.wrong = { kind: "redirect", location: endpoint() };
      },
    ],
    [
      "an HTTP redirect that keeps the method",
      (s) => {
        s.exchange.autodiscover.wrong = { kind: "redirect", location: endpoint(), status: 307 };
      },
    ],
  ])("by %s", async (_by, arrange) => {
    await setUp(1, AT_THE_SERVER);
    arrange(sites);
    const error = await gatewayError(sites.locate());
    expect(error.code).toBe("ews-autodiscover-failed");
    expect(error.message).toContain("127.0.0.1");
    expect(error.message).not.toContain("p:ä&s");
    expect(sites.foreign.heard).toEqual([]);
  });

  it("by the address of its notifications, but the groups are kept apart", async () => {
    await setUp(2);
    settle(0, { externalEwsUrl: `${sites.foreign.origin}/EWS/Exchange.asmx`, grouping: "X" });
    const [first, second] = await sites.locate();
    expect(first).not.toBe(second);
    const watch = await watchUp(sites, sites.mailboxes.slice(0, 1));
    expect(sites.exchange.stats.subscriptions).toBe(1);
    expect(sites.foreign.heard).toEqual([]);
    expect(detail()).toContain(`not watched at ${new URL(sites.foreign.origin).host}`);
    watch.stop();
  });

  it("unless it is on autodiscover-hosts", async () => {
    await setUp(1, { options: { "autodiscover-hosts": "127.0.0.1" } });
    settle(0, { redirectUrl: endpoint() });
    await gatewayError(sites.locate());
    expect(sites.foreign.heard.some(({ authorization }) => authorization?.startsWith("Basic"))).toBe(true);
  });

  it.each(["auto", "basic"] as const)("that is on the list and asks for no login (auth=%s)", async (auth) => {
    await setUp(1, { options: { auth, "autodiscover-hosts": "127.0.0.1" } });
    sites.foreign.asksForLogin = false;
    settle(0, { redirectUrl: endpoint() });
    await gatewayError(sites.locate());
    expect(sites.foreign.heard.length).toBeGreaterThan(0);
    expect(sites.foreign.heard.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(sites.foreign.heard.every(({ body }) => body === "")).toBe(true);
  });
});

describe("[R4] an Autodiscover that fails", () => {
  const wrongs: readonly (readonly [string, WrongAnswer])[] = [
    ["is not there", { kind: "status", status: 404 }],
    ["is forbidden", { kind: "status", status: 403 }],
    ["is broken", { kind: "status", status: 500 }],
    ["is out of service", { kind: "status", status: 503 }],
    ["is a login page", { kind: "text", text: "<!DOCTYPE html><html></html>", type: "text/html" }],
    ["is a login page by redirect", { kind: "redirect", location: "/owa/auth/logon.aspx" }],
    ["says nothing", { kind: "text", text: "" }],
    ["says what is no XML", { kind: "text", text: "{}" }],
    ["says too much", { kind: "text", text: `<Autodiscover>${" ".repeat(20_000_000)}</Autodiscover>` }],
    ["redirects to what is no address", { kind: "redirect", location: "http://[" }],
    ["redirects to itself", { kind: "redirect", location: "autodiscover.svc" }],
  ];

  it.each(wrongs)("because it %s stops neither reading nor watching, and says so", async (_why, wrong) => {
    await setUp(2, AT_THE_SERVER);
    sites.exchange.autodiscover.wrong = wrong;
    const error = await gatewayError(sites.locate());
    expect(error.message).toMatch(/localhost|example\.com/);
    expect(await fetch()).toHaveLength(2);
    const watch = await watchUp(sites, sites.mailboxes);
    expect(sites.exchange.stats.subscriptions).toBe(2);
    expect(detail()).toContain("failed");
    watch.stop();
  });

  it("is left in peace for five minutes, then asked again", async () => {
    await setUp(1);
    const { exchange, runtime } = sites;
    exchange.autodiscover.wrong = { kind: "text", text: soapError("ServerBusy") };
    expect(await gatewayError(sites.locate())).toMatchObject({ code: "ews-throttled" });
    const before = exchange.stats.requestsOf("Autodiscover-soap");
    expect(await gatewayError(sites.locate())).toMatchObject({ code: "ews-throttled" });
    expect(exchange.stats.requestsOf("Autodiscover-soap")).toBe(before);
    exchange.autodiscover.wrong = undefined;
    await runtime.clock.advance(minutes(5));
    expect(await sites.locate()).toEqual([expect.stringContaining("localhost")]);
    await fetch();
    expect(detail()).not.toContain("failed");
  });

  it("never sees a password that the configured server refuses", async () => {
    await setUp(2, { options: { password: "wrong" } });
    const { stats } = sites.exchange;
    expect(await gatewayError(sites.locate())).toMatchObject({ code: "ews-unauthorized" });
    // One request asks what logins are offered, by no password; the other is refused.
    expect(stats.refusalsOf("http-401")).toBeLessThanOrEqual(2);
    const before = stats.refusalsOf("http-401");
    await gatewayError(sites.locate());
    expect(stats.refusalsOf("http-401")).toBe(before);
    expect(asked()).toEqual([]);
  });

  it("settles when it hangs and the caller gives up", async () => {
    await setUp(1);
    await fetch();
    sites.exchange.autodiscover.wrong = { kind: "hang" };
    const giveUp = new AbortController();
    const located = sites.source.locateMailboxes?.(sites.mailboxes, giveUp.signal);
    await until(() => sites.exchange.stats.requestsOf("Autodiscover-soap") > 0);
    const reason = new Error("given up");
    giveUp.abort(reason);
    await expect(located).rejects.toBe(reason);
  });

  const soapError = (code: string): string =>
    `<Envelope><Body><GetUserSettingsResponseMessage><Response><ErrorCode>${code}</ErrorCode></Response></GetUserSettingsResponseMessage></Body></Envelope>`;
});

describe("[R4] what Autodiscover said is forgotten", () => {
  it.each(["ErrorMailboxMoveInProgress", "ErrorProxyRequestNotAllowed"])(
    "[K2] for a mailbox whose watch ends with %s, so that it is found at its new server",
    async (code) => {
      await setUp(2);
      const { exchange, branch, mailboxes } = sites;
      await sites.locate();
      exchange.faults.moveMailbox(mailboxes[0] ?? "", code);
      const watch = await watchUp(sites, mailboxes);
      await saw(watch, `failed ${mailboxes[0]} ews-mailbox-moving`);
      settle(0, { externalEwsUrl: branch.url });
      const [moved, stayed] = await sites.locate();
      expect(moved).not.toBe(stayed);
      expect(asked()).toEqual([2, 1]);
      const elsewhere = await watchUp(sites, mailboxes.slice(0, 1));
      expect(branch.stats.subscriptions).toBe(1);
      for (const each of [watch, elsewhere]) each.stop();
    },
  );

  it("for all of a group that lost its subscriptions as soon as it had them", async () => {
    await setUp(2);
    await sites.locate();
    const watch = await watchUp(sites, sites.mailboxes);
    for (const mailbox of sites.mailboxes) sites.exchange.faults.endSubscriptions(mailbox, "ErrorSubscriptionNotFound");
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-subscription-lost" });
    await sites.locate();
    expect(asked()).toEqual([2, 2]);
  });

  it("of a server that cannot be reached: for an hour the configured one serves", async () => {
    await setUp(1);
    settle(0, { externalEwsUrl: sites.branch.url });
    await sites.locate();
    await sites.branch.stop();
    const failing = startWatch(sites.source, sites.mailboxes);
    await failing.ended;
    expect(failing.error).toMatchObject({ code: "ews-unavailable" });
    const watch = await watchUp(sites, sites.mailboxes);
    expect(sites.exchange.stats.subscriptions).toBe(1);
    watch.stop();
  });
});

describe("[R4] without Autodiscover", () => {
  it("nothing is located and nobody is asked", async () => {
    await setUp(2, { options: { autodiscover: "off" } });
    expect(sites.source.locateMailboxes).toBeUndefined();
    const watch = await watchUp(sites, sites.mailboxes);
    expect(asked()).toEqual([]);
    expect(detail()).not.toContain("Autodiscover");
    watch.stop();
  });
});
