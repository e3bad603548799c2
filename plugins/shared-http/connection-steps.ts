import { lookup } from "node:dns/promises";
import { createConnection } from "node:net";
import type { Milliseconds } from "../../src/lib/time.ts";
import type { TestStep } from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { HttpProxy, TlsTerms, Trust } from "../../src/ports/trust.ts";
import { Deadline } from "./deadline.ts";

/** What was found, in words; as a warning where it is not as it should be. */
export type StepFinding = string | { readonly detail: string; readonly isWarning: true };

/** One thing that a test tries: its name, and what resolves with what was found. */
export type Attempt = readonly [step: string, attempt: (signal: AbortSignal) => Promise<StepFinding>];

/** How steps are tried. */
export interface StepTerms {
  readonly clock: Clock;
  readonly longest: Milliseconds;
  /** The error for a step that takes longer. */
  readonly late: () => GatewayError;
  /** Translates what an attempt rejects with. */
  readonly translate: (error: unknown) => GatewayError;
}

/** Tries one step after the other; ends after the first that fails. Throws only the signal's reason. */
export async function* trySteps(
  attempts: readonly Attempt[],
  terms: StepTerms,
  signal: AbortSignal,
): AsyncGenerator<TestStep, void> {
  for (const attempt of attempts) {
    const result = await tryStep(attempt, terms, signal);
    yield result;
    if (!result.ok) return;
  }
}

async function tryStep([step, attempt]: Attempt, terms: StepTerms, signal: AbortSignal): Promise<TestStep> {
  const { clock, longest, late, translate } = terms;
  const deadline = new Deadline(clock, signal);
  deadline.set(longest, late);
  const startedAt = clock.now();
  const finish = (ok: boolean, found: StepFinding): TestStep => ({
    step,
    ok,
    ...(typeof found === "string" ? { detail: found } : found),
    milliseconds: Math.max(0, clock.now() - startedAt),
  });
  try {
    return finish(true, await aborting(attempt(deadline.signal), deadline.signal));
  } catch (error) {
    signal.throwIfAborted();
    return finish(false, translate(error).message);
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

/** DNS, TCP and, where the URL has it, TLS; `refuse` makes the error for a certificate that is not acceptable. */
export function connectionSteps(
  url: URL,
  trust: Trust,
  terms: TlsTerms,
  refuse: (text: string) => GatewayError,
): readonly Attempt[] {
  const steps: Attempt[] = [
    ["DNS", () => resolveName(url)],
    ["TCP", (signal) => connectTcp(url, signal)],
  ];
  if (url.protocol === "https:") steps.push(["TLS", (signal) => examineTls(url, { trust, terms, refuse }, signal)]);
  return steps;
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

/** The addresses of the URL's host, in words. */
export async function resolveName(url: URL): Promise<string> {
  const found = await lookup(hostOf(url), { all: true });
  return found.map(({ address }) => address).join(", ");
}

/** Connects to the URL's host and hangs up. */
export function connectTcp(url: URL, signal: AbortSignal): Promise<string> {
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

/** Who looks at a server's certificates, and by which proxy it is reached. */
export interface TlsExaminer {
  readonly trust: Trust;
  readonly terms: TlsTerms;
  readonly proxy?: HttpProxy | undefined;
  /** Makes the error for a certificate that is not acceptable. */
  readonly refuse: (text: string) => GatewayError;
}

/** Shakes hands with the URL's host and describes its certificate; throws when it is not acceptable. */
export async function examineTls(url: URL, examiner: TlsExaminer, signal: AbortSignal): Promise<string> {
  const { trust, terms, proxy, refuse } = examiner;
  const report = await trust.examine({ host: url.hostname, port: Number(url.port || 443), proxy }, terms, signal);
  const names = report.names.slice(0, 20).join(", ").slice(0, 300) || "no names";
  const certificate = `${report.protocol}, certificate for ${names}, issued by ${report.entries[0]?.issuer}`;
  if (report.isAcceptable) return `${report.status}: ${certificate}`;
  const problems = report.entries.flatMap(({ subject, findings }) => findings.map(({ text }) => `${subject}: ${text}`));
  throw refuse(`${url.host}: ${report.status}: ${problems.join("; ")} (${certificate})`);
}
