import { lookup } from "node:dns/promises";
import { createConnection } from "node:net";
import { type Mailbox, parseMailbox } from "../../src/core/addresses.ts";
import { hours, plus, seconds } from "../../src/lib/time.ts";
import type { BusyTimeResult, TestStep } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import { availabilityOperation } from "./availability.ts";
import { connectionError } from "./connection-errors.ts";
import { Deadline } from "./deadline.ts";
import type { EwsClient } from "./ews-client.ts";
import { concernsMailbox, ewsError } from "./ews-errors.ts";
import { encodeSubscribe, encodeUnsubscribe, subscribeDecoder, unsubscribeDecoder } from "./subscribe.ts";
import { examineTls } from "./tls-examination.ts";

/** What the test tries. */
export interface DiagnoseOptions {
  readonly url: URL;
  readonly account: string;
  readonly trust: Trust;
  readonly terms: TlsTerms;
  readonly client: EwsClient;
  readonly clock: Clock;
}

type Attempt = (signal: AbortSignal) => Promise<string>;

// Administrators wait for the answer; a firewall that swallows packets would else hold it up for minutes.
const LONGEST_STEP = seconds(10);

/** From the name to the mailbox, one step after the other; ends after the first that fails. */
export async function* diagnose(
  options: DiagnoseOptions,
  mailbox: Mailbox | undefined,
  signal: AbortSignal,
): AsyncGenerator<TestStep, void> {
  for (const [step, attempt] of steps(options, mailbox)) {
    const result = await tryStep(step, attempt, { ...options, signal });
    yield result;
    if (!result.ok) return;
  }
}

function steps(options: DiagnoseOptions, mailbox: Mailbox | undefined): readonly (readonly [string, Attempt])[] {
  const { url, trust, terms } = options;
  const connection: [string, Attempt][] = [
    ["DNS", () => resolveName(url)],
    ["TCP", (signal) => connectTcp(url, signal)],
  ];
  if (url.protocol === "https:") connection.push(["TLS", (signal) => examineTls(url, trust, terms, signal)]);
  connection.push(["login", (signal) => login(options, mailbox, signal)]);
  connection.push(["version", async () => versionOf(options.client)]);
  if (mailbox === undefined) return connection;
  return [
    ...connection,
    ["availability", (signal) => readMailbox(options, mailbox, signal)],
    ["notifications", (signal) => subscribeAndUnsubscribe(options.client, mailbox, signal)],
  ];
}

async function tryStep(
  step: string,
  attempt: Attempt,
  { clock, url, signal }: DiagnoseOptions & { readonly signal: AbortSignal },
): Promise<TestStep> {
  const deadline = new Deadline(clock, signal);
  deadline.set(LONGEST_STEP, () => ewsError("ews-timeout", `${url.host}: no answer within ${LONGEST_STEP / 1000} s`));
  const startedAt = clock.now();
  const finish = (ok: boolean, detail: string): TestStep => {
    return { step, ok, detail, milliseconds: Math.max(0, clock.now() - startedAt) };
  };
  try {
    return finish(true, await aborting(attempt(deadline.signal), deadline.signal));
  } catch (error) {
    signal.throwIfAborted();
    return finish(false, (error instanceof GatewayError ? error : connectionError(error, url.host)).message);
  } finally {
    deadline.end();
  }
}

/** Settles with the signal what cannot be cancelled itself (DNS). */
function aborting<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

async function resolveName(url: URL): Promise<string> {
  const found = await lookup(hostOf(url), { all: true });
  return found.map(({ address }) => address).join(", ");
}

function connectTcp(url: URL, signal: AbortSignal): Promise<string> {
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const socket = createConnection({ host: hostOf(url), port });
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<string>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => resolve(`connected to ${socket.remoteAddress} port ${port}`));
  }).finally(() => {
    signal.removeEventListener("abort", abort);
    socket.destroy();
  });
}

/** Any answer that is EWS proves the login; which mailbox is asked for does not matter, so it may be one that is none. */
async function login(options: DiagnoseOptions, mailbox: Mailbox | undefined, signal: AbortSignal): Promise<string> {
  try {
    await fetchOne(options, mailbox ?? anyMailbox(options.account), signal);
  } catch (error) {
    if (!concernsMailbox(error)) throw error;
  }
  const { loginName } = options.client;
  return `${options.account} may use EWS${loginName === undefined ? "" : ` (${loginName})`}`;
}

const versionOf = ({ serverVersion, requestVersion }: EwsClient): string =>
  `${serverVersion ? `Exchange ${serverVersion}` : "the server does not tell its version"}, asked as ${requestVersion}`;

function anyMailbox(account: string): Mailbox {
  return parseMailbox(/^[\w.-]+@[\w-]+(?:\.[\w-]+)+$/.test(account) ? account : "nobody@example.invalid");
}

async function readMailbox(options: DiagnoseOptions, mailbox: Mailbox, signal: AbortSignal): Promise<string> {
  const result = await fetchOne(options, mailbox, signal);
  if (!result) throw ewsError("ews-bad-answer", `${options.url.host}: no answer for ${mailbox}`);
  if ("error" in result) throw result.error;
  return `${mailbox}: ${result.intervals.length} entries in the next 24 hours`;
}

async function fetchOne(
  { client, clock }: DiagnoseOptions,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<BusyTimeResult | undefined> {
  const now = clock.now();
  const query = { host: client.host, mailboxes: [mailbox], window: { start: now, end: plus(now, hours(24)) } };
  const answer = await client.tryNow(availabilityOperation(query), signal);
  return answer.content[0];
}

/** Proves impersonation, which notifications need. */
async function subscribeAndUnsubscribe(client: EwsClient, mailbox: Mailbox, signal: AbortSignal): Promise<string> {
  const { content: id } = await client.tryNow(
    {
      encode: (version) => ({ body: encodeSubscribe(mailbox, "items", version) }),
      decoder: () => subscribeDecoder(client.host, mailbox),
    },
    signal,
  );
  await client.tryNow(
    {
      encode: (version) => ({ body: encodeUnsubscribe(id, mailbox, version) }),
      decoder: () => unsubscribeDecoder(client.host),
    },
    signal,
  );
  return `${mailbox}: the account may impersonate and be notified`;
}
