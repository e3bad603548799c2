import type { Mailbox } from "../../src/core/addresses.ts";
import { hours, plus, seconds } from "../../src/lib/time.ts";
import type { TestStep } from "../../src/ports/calendar-source.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import { connectionSteps } from "../shared-http/connection-steps.ts";
import { attemptWithin, type DiagnosisStep, trySteps } from "../shared-http/diagnosis-step.ts";
import type { HttpProbe } from "../shared-http/http-probe.ts";
import type { ProxyRoute } from "../shared-http/proxy-route.ts";
import type { CalendarFolders } from "./calendar-folders.ts";
import type { CallbackAddress } from "./callback-address.ts";
import { askOptions, subscribe, unsubscribe } from "./dav-requests.ts";
import { fetchMailbox } from "./fetch-busy-time.ts";
import { connectionError } from "./transport.ts";
import type { WebdavClient } from "./webdav-client.ts";
import { webdavError } from "./webdav-errors.ts";

/** What the test tries. */
export interface DiagnoseOptions {
  readonly account: string;
  readonly trust: Trust;
  readonly terms: TlsTerms;
  readonly route: ProxyRoute | undefined;
  readonly client: WebdavClient;
  readonly folders: CalendarFolders;
  readonly address: CallbackAddress;
  readonly clock: Clock;
}

// The test's own subscription ends by itself soon, should it not be given back.
const TEST_LIFETIME = seconds(60);

/** From the name to the mailbox, one step after the other; ends after the first that fails. */
export async function* diagnose(
  options: DiagnoseOptions,
  mailbox: Mailbox | undefined,
  signal: AbortSignal,
): AsyncGenerator<TestStep, void> {
  const { client, clock } = options;
  const { url, host } = client;
  const attempt = attemptWithin(
    { clock, host, late: (text) => webdavError("webdav-timeout", text), translate: connectionError },
    signal,
  );
  const steps: readonly DiagnosisStep[] = [
    ...connectionSteps({ ...options, url, probe: davProbe(host), refuse: (text) => webdavError("webdav-tls", text) }),
    { name: "login", attempt: (stepSignal) => login(options, stepSignal) },
    ...(mailbox === undefined ? [] : mailboxSteps(options, mailbox)),
  ];
  yield* trySteps(steps, attempt);
}

/** A login page or a demand for a login are what a server in order answers: only the login tells more. */
const davProbe = (host: string): HttpProbe => ({
  method: "OPTIONS",
  judge: ({ status }) => {
    const text = `${host}: the server answered HTTP ${status}`;
    if (status === 404) return webdavError("webdav-wrong-url", text);
    return status >= 500 ? webdavError("webdav-unavailable", text) : undefined;
  },
});

/** OPTIONS proves the login, and that it is WebDAV that answers. */
async function login({ account, client }: DiagnoseOptions, signal: AbortSignal): Promise<string> {
  const answer = await client.exchange(askOptions(client.url.pathname), { urgency: "at-once" }, signal);
  if (!["ms-author-via", "dasl", "dav"].some((name) => answer.header(name) !== undefined)) {
    throw webdavError("webdav-wrong-url", `${client.host}: the server does not offer WebDAV`);
  }
  return `${account} may use WebDAV${client.loginName === undefined ? "" : ` (${client.loginName})`}`;
}

const mailboxSteps = (options: DiagnoseOptions, mailbox: Mailbox): readonly DiagnosisStep[] => [
  { name: "folder", attempt: (signal) => findFolder(options, mailbox, signal) },
  { name: "search", attempt: (signal) => readMailbox(options, mailbox, signal) },
  { name: "notifications", attempt: (signal) => subscribeAndUnsubscribe(options, mailbox, signal) },
];

async function findFolder({ folders }: DiagnoseOptions, mailbox: Mailbox, signal: AbortSignal): Promise<string> {
  folders.forget(mailbox);
  const folder = await folders.use(mailbox, async (path) => path, "at-once", signal);
  return `${mailbox}: the calendar is ${decodePath(folder)}`;
}

/** For people; what is no UTF-8 is shown as it is. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

async function readMailbox(options: DiagnoseOptions, mailbox: Mailbox, signal: AbortSignal): Promise<string> {
  const now = options.clock.now();
  const window = { start: now, end: plus(now, hours(24)) };
  const intervals = await fetchMailbox(options, mailbox, window, "at-once", signal);
  return `${mailbox}: ${intervals.length} entries in the next 24 hours`;
}

async function subscribeAndUnsubscribe(
  { client, folders, address }: DiagnoseOptions,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<string> {
  const endpoint = await address.find(signal);
  const terms = { mailbox, urgency: "at-once" } as const;
  const exchange = async (folder: string): Promise<void> => {
    const answer = await client.exchange(subscribe(folder, TEST_LIFETIME, endpoint?.url), terms, signal);
    const id = answer.header("subscription-id");
    if (id === undefined)
      throw webdavError("webdav-subscription-lost", `${mailbox} at ${client.host}: no subscription`);
    await client.exchange(unsubscribe(folder, [id]), terms, signal);
  };
  await folders.use(mailbox, exchange, "at-once", signal);
  return `${mailbox}: a subscription was made and given back; the server is ${address.words}`;
}
