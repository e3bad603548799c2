import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rolesOf } from "../../../plugins/calendar-graph/diagnose.ts";
import { GraphCalendarSource } from "../../../plugins/calendar-graph/graph-calendar-source.ts";
import { parseMailbox } from "../../../src/core/addresses.ts";
import type { TestStep, TestSubject } from "../../../src/ports/calendar-source.ts";
import type { NotificationListener } from "../../../src/ports/notification-listener.ts";
import type { HttpProxy } from "../../../src/ports/trust.ts";
import { type ConnectProxy, startConnectProxy } from "../../doubles/connect-proxy.ts";
import { DirectWebhooks } from "../../doubles/direct-webhooks.ts";
import type { Application } from "../../doubles/microsoft/entra.ts";
import { type CloudFront, startCloudFront } from "../../doubles/microsoft/https-front.ts";
import type { MicrosoftCloud } from "../../doubles/microsoft/microsoft-cloud.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { createContext, gatewayError } from "../calendar-ews/scenario.ts";
import { ALICE, BOB, createCloud, DAY, graphOptions } from "./scenario.ts";

const authority = createTlsAuthority();
const folder = mkdtempSync(join(tmpdir(), "graph-test-"));
const caFile = join(folder, "ca.pem");
const { signal } = new AbortController();
let cloud: MicrosoftCloud;
let application: Application;
let front: CloudFront;
let proxy: ConnectProxy;
let webhooks: DirectWebhooks;

beforeAll(async () => {
  writeFileSync(caFile, authority.caPem);
  proxy = await startConnectProxy({ login: "alice:pass" });
});
beforeEach(async () => {
  webhooks = new DirectWebhooks();
  ({ cloud, application } = createCloud(createTestRuntime(), { post: webhooks.post }));
  front = await startCloudFront(cloud, authority);
  return () => front.stop();
});
afterAll(async () => {
  await proxy.stop();
  rmSync(folder, { recursive: true });
});

async function withSource<Result>(
  use: (source: GraphCalendarSource) => Promise<Result>,
  given: Parameters<typeof graphOptions>[0] = {},
  listener?: NotificationListener,
): Promise<Result> {
  const origins = { authority: new URL(front.url), graph: new URL(front.url) };
  const source = new GraphCalendarSource(graphOptions({ cloud: origins, caFile, ...given }), {
    ...createContext(createTestRuntime()),
    ...(listener && { listener }),
  });
  await source.start(signal);
  return use(source).finally(() => source.stop());
}

const steps = (subject: TestSubject, given = {}, listener?: NotificationListener): Promise<readonly TestStep[]> =>
  withSource(
    async (source) => {
      const found: TestStep[] = [];
      for await (const step of source.test(subject, signal)) found.push(step);
      return found;
    },
    given,
    listener,
  );

describe("a test of Office 365", () => {
  it("goes from the name to the mailbox's calendar", async () => {
    const found = await steps({ mailbox: ALICE });
    expect(found.map(({ step, ok }) => `${step} ${ok}`)).toEqual([
      "DNS true",
      "TCP true",
      "TLS true",
      "token true",
      "permission true",
      "mailbox true",
      "availability true",
      "subscription true",
    ]);
    expect(found.at(-1)?.detail).toBe(
      "none: [notifications] has no webhook; a change is seen when calendars are read, every 60 minutes",
    );
    expect(found.find(({ step }) => step === "permission")?.detail).toBe("granted: Calendars.Read");
  });

  it.each<[string, () => void, string, RegExp]>([
    [
      "the secret has expired",
      () => Object.assign(application, { isSecretExpired: true }),
      "token",
      /has? expired|AADSTS7000222/,
    ],
    [
      "the secret is wrong",
      () => Object.assign(application, { secret: "other" }),
      "token",
      /AADSTS7000215.*Set secret/,
    ],
    ["consent is missing", () => Object.assign(application, { roles: [] }), "mailbox", /grant admin consent/],
    [
      "there is no licence",
      () => Object.assign(cloud.findMailbox(ALICE) ?? {}, { isLicensed: false }),
      "mailbox",
      /alice@example.com at .*licence/,
    ],
    [
      "a policy denies it",
      () => Object.assign(cloud.findMailbox(ALICE) ?? {}, { access: "access-policy" }),
      "mailbox",
      /policy's group/,
    ],
    [
      "it is out of scope",
      () => Object.assign(cloud.findMailbox(ALICE) ?? {}, { access: "out-of-scope" }),
      "mailbox",
      /RBAC for Applications/,
    ],
    [
      "the calendar is closed",
      () => Object.assign(cloud.findMailbox(ALICE) ?? {}, { scheduleError: "ErrorNoFreeBusyAccess" }),
      "availability",
      /AvailabilityOnly/,
    ],
  ])("ends where %s, with what to do", async (_what, change, step, words) => {
    change();
    const last = (await steps({ mailbox: ALICE })).at(-1);
    expect(last).toMatchObject({ step, ok: false, detail: expect.stringMatching(words) });
  });

  it("[G11] warns where the token names no permission for calendars", async () => {
    application.roles = ["full_access_as_app"];
    expect((await steps({})).at(-1)).toMatchObject({ step: "permission", ok: true, isWarning: true });
    application.roles = ["Calendars.ReadBasic.All"];
    expect((await steps({})).at(-1)?.isWarning).toBeUndefined();
  });

  it("warns where a mailbox outside of the scope may be read", async () => {
    expect((await steps({ outside: BOB })).at(-1)).toMatchObject({ step: "scope", isWarning: true });
    Object.assign(cloud.findMailbox(BOB) ?? {}, { access: "out-of-scope" });
    expect((await steps({ outside: BOB })).at(-1)?.detail).toBe("bob@example.com is denied, as it should be");
    expect((await steps({ outside: parseMailbox("aaron@example.com") })).at(-1)).toMatchObject({ ok: false });
  });

  it("ends at TLS where the authority is not trusted", async () => {
    const found = await steps({}, { caFile: undefined });
    expect(found.map(({ step, ok }) => `${step} ${ok}`)).toEqual(["DNS true", "TCP true", "TLS false"]);
  });

  it("[G6] goes by the proxy, to both services, and says what is wrong with it", async () => {
    const through = (password: string): HttpProxy => ({ url: new URL(proxy.url), user: "alice", password });
    const found = await steps({ mailbox: ALICE }, { proxy: through("pass") });
    expect(found.map(({ step }) => step).slice(0, 4)).toEqual(["DNS", "TCP", "proxy", "TLS"]);
    expect(found.every(({ ok }) => ok)).toBe(true);
    const failed = (await steps({}, { proxy: through("wrong") })).at(-1);
    expect(failed).toMatchObject({
      step: "proxy",
      ok: false,
      detail: expect.stringMatching(/refused user or password/),
    });
  });

  it("subscribes and ends that again where there is a webhook, and says when it cannot be reached", async () => {
    const tried = async (): Promise<TestStep | undefined> => (await steps({ mailbox: ALICE }, {}, webhooks)).at(-1);
    expect(await tried()).toMatchObject({
      step: "subscription",
      ok: true,
      detail: "Microsoft Graph reaches the webhook at gw.example.com and may tell of changes",
    });
    expect(cloud.subscriptions.all.size).toBe(0);
    webhooks.isReachable = false;
    expect(await tried()).toMatchObject({ ok: false, detail: expect.stringContaining("graph-webhook-unreachable") });
  });

  it("does not read a token that is no JWT", () => {
    for (const token of ["", "x", "a.b.c", `a.${Buffer.from("[[").toString("base64url")}.c`])
      expect(rolesOf(token)).toBeUndefined();
  });
});

describe("Office 365 over sockets", () => {
  it("[G6] is read through the proxy, the token too", async () => {
    const before = proxy.asked.length;
    const given = { proxy: { url: new URL(proxy.url), user: "alice", password: "pass" } };
    await withSource(async (source) => {
      for (let round = 0; round < 5; round++) await source.fetchBusyTime([ALICE], DAY, signal);
    }, given);
    expect(proxy.asked.length - before).toBeLessThanOrEqual(2); // of six requests: both services are one host here
  });

  it("is not read without trust", async () => {
    const failing = withSource((source) => source.fetchBusyTime([ALICE], DAY, signal), { caFile: undefined });
    expect(await gatewayError(failing)).toMatchObject({ code: "entra-tls" });
  });

  it("is not read when the answer has no end", async () => {
    cloud.plan("graph", { status: 200, text: `{"value":["${"x".repeat(33 * 1024 * 1024)}"]}` });
    const failing = withSource((source) => source.fetchBusyTime([ALICE], DAY, signal));
    expect(await gatewayError(failing)).toMatchObject({
      code: "graph-bad-answer",
      message: expect.stringMatching(/larger/),
    });
  });

  it("keeps its connections, as many as run at once", async () => {
    await withSource(async (source) => {
      for (let round = 0; round < 3; round++)
        await Promise.all([1, 2, 3, 4].map(() => source.fetchBusyTime([ALICE, BOB], DAY, signal)));
    });
    expect(front.connections).toBeLessThanOrEqual(5);
  });
});
