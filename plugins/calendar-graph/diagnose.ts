import { z } from "zod";
import type { Mailbox } from "../../src/core/addresses.ts";
import { formatDay, hours, type Instant, plus, type TimeWindow } from "../../src/lib/time.ts";
import type { TestStep, TestSubject } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Clock, Runtime } from "../../src/ports/runtime.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import { connectionProblem } from "../shared-http/connection-problems.ts";
import { connectTcp, openTunnel, resolveName, unreachable } from "../shared-http/connection-steps.ts";
import { attemptWithin, type DiagnosisStep, type StepFinding, trySteps } from "../shared-http/diagnosis-step.ts";
import { parseLimitedJson } from "../shared-http/limited-json.ts";
import type { ProxyRoute } from "../shared-http/proxy-route.ts";
import { ProxyError } from "../shared-http/proxy-tunnel.ts";
import { examineTls, tlsStatus } from "../shared-http/tls-examination.ts";
import type { EntraTokenSource } from "../shared-microsoft/entra-token-source.ts";
import { ofMailbox } from "./fetch-schedules.ts";
import { decodeSchedules, encodeGetSchedule } from "./get-schedule.ts";
import { concernsMailbox, GRAPH_FAILURES, graphError, isGraphError } from "./graph-errors.ts";
import type { HttpGraphClient } from "./http-graph-client.ts";
import type { GraphWatching } from "./notifications/graph-watching.ts";
import { trySubscription } from "./notifications/try-subscription.ts";

/** What the test tries. */
export interface Diagnosed {
  /** Origins of the token authority and of Graph. */
  readonly origins: readonly URL[];
  readonly tenant: string;
  readonly application: string;
  /** When the application's certificate ends; undefined where it has a secret. */
  readonly certificateEnd: Instant | undefined;
  readonly trust: Trust;
  readonly terms: TlsTerms;
  readonly route: ProxyRoute | undefined;
  readonly tokens: EntraTokenSource;
  readonly client: HttpGraphClient;
  readonly clock: Clock;
  readonly runtime: Pick<Runtime, "clock" | "uniqueId">;
  /** Undefined where the administrator wants no notifications. */
  readonly watching: GraphWatching | undefined;
  /** Minutes. */
  readonly pullInterval: () => number;
}

const EXPIRES_SOON = hours(30 * 24);

/** From the name to the mailbox, one step after the other; ends after the first that fails. */
export async function* diagnose(
  service: Diagnosed,
  subject: TestSubject,
  signal: AbortSignal,
): AsyncGenerator<TestStep, void> {
  const { client, clock } = service;
  const terms = {
    clock,
    host: client.host,
    late: (text: string) => graphError("graph-timeout", text),
    translate,
  };
  const steps = [...connectionSteps(service), ...tokenSteps(service), ...mailboxSteps(service, subject)];
  yield* trySteps(steps, attemptWithin(terms, signal));
}

function translate(error: unknown, host: string): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof ProxyError) {
    const text = `${host}: the proxy ${error.proxy} cannot be used: ${error.message}`;
    return graphError(`graph-proxy-${error.failure}`, text, { cause: error });
  }
  const { kind, text } = connectionProblem(error);
  return graphError(GRAPH_FAILURES[kind], `${host}: ${text}`, { cause: error });
}

/** With a proxy it is the proxy who looks the services up and connects to them. */
function connectionSteps({ origins, route, trust, terms }: Diagnosed): readonly DiagnosisStep[] {
  const next = route ? [route.proxy.url] : origins;
  const examination = { trust, terms, refuse: (text: string) => graphError("graph-tls", text) };
  const target = (url: URL) => ({ host: url.hostname, port: Number(url.port || 443) });
  const step = (name: string, urls: readonly URL[], attempt: Attempt): DiagnosisStep => ({
    name,
    attempt: (signal) => forEach(urls, (url) => attempt(url, signal)),
    status: name === "TLS" ? tlsStatus : unreachable,
  });
  const proxied = route ? [step("proxy", origins, (url, signal) => openTunnel(route, target(url), signal))] : [];
  return [
    step("DNS", next, resolveName),
    step("TCP", next, connectTcp),
    ...proxied,
    step("TLS", origins, (url, signal) => examineTls({ ...target(url), proxy: route?.proxy }, examination, signal)),
  ];
}

type Attempt = (url: URL, signal: AbortSignal) => Promise<string>;

async function forEach(urls: readonly URL[], attempt: (url: URL) => Promise<string>): Promise<string> {
  const found: string[] = [];
  for (const url of urls) found.push(`${url.hostname}: ${await translated(attempt(url), url.host)}`);
  return found.join("; ");
}

const translated = (found: Promise<string>, host: string): Promise<string> =>
  found.catch((error: unknown) => {
    throw translate(error, host);
  });

function tokenSteps(service: Diagnosed): readonly DiagnosisStep[] {
  let token = "";
  return [
    {
      name: "token",
      attempt: async (signal) => {
        token = await service.tokens.fetchNow(signal);
        return describeToken(service);
      },
    },
    { name: "permission", attempt: async () => describeRoles(rolesOf(token)) },
  ];
}

function describeToken({ application, tenant, certificateEnd, clock }: Diagnosed): StepFinding {
  const text = `the application ${application} has a token of the tenant ${tenant}`;
  if (certificateEnd === undefined) return text;
  const detail = `${text}; its certificate is valid until ${formatDay(certificateEnd)}`;
  return certificateEnd - clock.now() < EXPIRES_SOON ? { detail, isWarning: true } : detail;
}

const claims = z.object({ roles: z.array(z.string().max(200)).max(1000).catch([]) });

/** The application permissions that a token names (claim `roles` of a JWT); undefined for one that is opaque. */
export function rolesOf(token: string): readonly string[] | undefined {
  const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8");
  return claims.safeParse(parseLimitedJson(payload)).data?.roles;
}

function describeRoles(roles: readonly string[] | undefined): StepFinding {
  const calendar = (roles ?? []).filter((role) => /^Calendars\.Read/.test(role));
  const settings = (roles ?? []).filter((role) => role.startsWith("MailboxSettings."));
  if (calendar.length > 0) return `granted: ${[...calendar, ...settings].join(", ")}`;
  const detail =
    "the token names no Calendars permission: either it is granted by RBAC for Applications, or an administrator's consent is missing";
  return { detail, isWarning: true };
}

function mailboxSteps(service: Diagnosed, { mailbox, outside }: TestSubject): readonly DiagnosisStep[] {
  const steps: DiagnosisStep[] = [];
  if (mailbox !== undefined) {
    steps.push(...readingSteps(service, mailbox));
    steps.push({ name: "subscription", attempt: (signal) => subscribe(service, mailbox, signal) });
  }
  if (outside !== undefined) steps.push({ name: "scope", attempt: (signal) => tryOutside(service, outside, signal) });
  return steps;
}

/** The mailbox is asked on behalf of itself, so that a missing licence or an access policy shows. */
function readingSteps(service: Diagnosed, mailbox: Mailbox): readonly DiagnosisStep[] {
  const { client, clock } = service;
  const now = clock.now();
  const window: TimeWindow = { start: now, end: plus(now, hours(24)) };
  let body: unknown;
  return [
    {
      name: "mailbox",
      attempt: async (signal) => {
        body = await ask(service, mailbox, window, signal);
        return `${mailbox} is in Exchange Online, and the application may read it`;
      },
    },
    {
      name: "availability",
      attempt: async () => {
        const [result] = decodeSchedules(body, [mailbox], window, client.host);
        if (!result || "error" in result) throw result?.error ?? graphError("graph-bad-answer", client.host);
        return `${mailbox}: ${result.intervals.length} entries in the next 24 hours`;
      },
    },
  ];
}

async function subscribe(
  { client, watching, runtime, pullInterval }: Diagnosed,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<StepFinding> {
  const url = await watching?.webhook(signal);
  if (url !== undefined) return trySubscription({ client, runtime, mailbox, url }, signal);
  const why = watching ? "[notifications] has no webhook" : "notifications=poll";
  return `none: ${why}; a change is seen when calendars are read, every ${pullInterval()} minutes`;
}

async function ask({ client }: Diagnosed, mailbox: Mailbox, window: TimeWindow, signal: AbortSignal): Promise<unknown> {
  try {
    return (await client.tryNow(encodeGetSchedule(mailbox, [mailbox], window), signal)).body;
  } catch (error) {
    throw concernsMailbox(error) ? ofMailbox(mailbox, error) : error;
  }
}

async function tryOutside(service: Diagnosed, outside: Mailbox, signal: AbortSignal): Promise<StepFinding> {
  const now = service.clock.now();
  try {
    await ask(service, outside, { start: now, end: plus(now, hours(1)) }, signal);
  } catch (error) {
    if (!isGraphError(error, "graph-access-denied", "graph-access-policy")) throw error;
    return `${outside} is denied, as it should be`;
  }
  const detail = `the application may read ${outside}, who is outside of the intended scope. Is it limited by RBAC for Applications?`;
  return { detail, isWarning: true };
}
