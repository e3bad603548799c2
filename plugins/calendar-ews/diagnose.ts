import { type Mailbox, parseMailbox } from "../../src/core/addresses.ts";
import type { TestStep, TestSubject } from "../../src/ports/calendar-source.ts";
import { connectionSteps } from "../shared-http/connection-steps.ts";
import { attemptWithin, type DiagnosisStep, trySteps } from "../shared-http/diagnosis-step.ts";
import type { HttpProbe } from "../shared-http/http-probe.ts";
import { connectionError, headError } from "./connection-errors.ts";
import { mailboxSteps } from "./diagnose-mailbox.ts";
import { type Diagnosed, fetchOne } from "./diagnosed.ts";
import type { EwsClient } from "./ews-client.ts";
import { concernsMailbox, ewsError } from "./ews-errors.ts";

/** From the name to the mailbox, one step after the other; without a connection nothing more is tried. */
export async function* diagnose(
  server: Diagnosed,
  subject: TestSubject,
  signal: AbortSignal,
): AsyncGenerator<TestStep, void> {
  const { clock, url } = server;
  const attempt = attemptWithin(
    { clock, host: url.host, late: (text) => ewsError("ews-timeout", text), translate: connectionError },
    signal,
  );
  if (yield* trySteps(stepsToLogin(server, subject.mailbox), attempt)) yield* mailboxSteps(server, subject, attempt);
}

const stepsToLogin = (server: Diagnosed, mailbox: Mailbox | undefined): readonly DiagnosisStep[] => [
  ...connectionSteps({ ...server, probe: ewsProbe(server.url.host), refuse: (text) => ewsError("ews-tls", text) }),
  { name: "login", attempt: (signal) => login(server, mailbox, signal) },
  { name: "version", attempt: async () => versionOf(server.client) },
];

/** Statuses of a server that looks for an EWS request, or for a login, where it was sent nothing. */
const EXPECTED: readonly number[] = [400, 401, 411, 415];

const ewsProbe = (host: string): HttpProbe => ({
  method: "POST",
  judge: (head) => (EXPECTED.includes(head.status) ? undefined : headError(head, host)),
});

/** Any answer that is EWS proves the login; which mailbox is asked for does not matter, so it may be one that is none. */
async function login(server: Diagnosed, mailbox: Mailbox | undefined, signal: AbortSignal): Promise<string> {
  try {
    await fetchOne(server, mailbox ?? anyMailbox(server.login.name), signal);
  } catch (error) {
    if (!concernsMailbox(error)) throw error;
  }
  const { loginName } = server.client;
  return `${server.login.name} may use EWS${loginName === undefined ? "" : ` (${loginName})`}`;
}

function anyMailbox(account: string): Mailbox {
  return parseMailbox(/^[\w.-]+@[\w-]+(?:\.[\w-]+)+$/.test(account) ? account : "nobody@example.invalid");
}

const versionOf = ({ serverVersion, requestVersion }: EwsClient): string =>
  `${serverVersion ? `Exchange ${serverVersion}` : "the server does not tell its version"}, asked as ${requestVersion}`;
