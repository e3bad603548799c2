import { type Milliseconds, seconds } from "../../src/lib/time.ts";
import type { TestStep } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { Deadline } from "./deadline.ts";
import { orAborted } from "./or-aborted.ts";

/** What was found, in words; as a warning where it is not as it should be. */
export type StepFinding = string | { readonly detail: string; readonly isWarning: true };

/** One step of a server's test and what it tries; rejects where it fails. */
export interface DiagnosisStep {
  readonly name: string;
  readonly attempt: (signal: AbortSignal) => Promise<StepFinding>;
  /** Who is spoken to, where it is not the server. */
  readonly host?: string;
  /** What administrators know the failure by (T1 to T9); undefined where the error's text begins with it. */
  readonly status?: (error: GatewayError) => string | undefined;
}

/** How steps are tried. */
export interface StepTerms {
  readonly clock: Clock;
  /** The server's `host:port`. */
  readonly host: string;
  /** The error for a step that took too long; the text names the host. */
  readonly late: (text: string) => GatewayError;
  /** Translates what a step rejects with. */
  readonly translate: (error: unknown, host: string) => GatewayError;
}

/** Tries one step. Rejects with the signal's reason only. */
export type Attempt = (step: DiagnosisStep) => Promise<TestStep>;

// Administrators wait for the answer; a firewall that swallows packets would else hold it up for minutes.
const LONGEST_STEP: Milliseconds = seconds(10);

/** Tries one step after the other, up to the first that fails; returns whether none did. */
export async function* trySteps(steps: Iterable<DiagnosisStep>, attempt: Attempt): AsyncGenerator<TestStep, boolean> {
  for (const step of steps) {
    const result = await attempt(step);
    yield result;
    if (!result.ok) return false;
  }
  return true;
}

/** Makes what tries a step within ten seconds. */
export function attemptWithin({ clock, host, late, translate }: StepTerms, signal: AbortSignal): Attempt {
  return async ({ name, attempt, host: spokenTo = host, status }) => {
    const deadline = new Deadline(clock, signal);
    deadline.set(LONGEST_STEP, () => late(`${host}: no answer within ${LONGEST_STEP / 1000} s`));
    const startedAt = clock.now();
    const finish = (result: Pick<TestStep, "ok" | "detail" | "isWarning">): TestStep => {
      return { step: name, ...result, milliseconds: Math.max(0, clock.now() - startedAt) };
    };
    try {
      const found = await orAborted(attempt(deadline.signal), deadline.signal);
      return finish(typeof found === "string" ? { ok: true, detail: found } : { ok: true, ...found });
    } catch (error) {
      signal.throwIfAborted();
      const failure = error instanceof GatewayError ? error : translate(error, spokenTo);
      const words = status?.(failure);
      return finish({ ok: false, detail: `${words ? `${words}: ` : ""}${failure.message} (${failure.code})` });
    } finally {
      deadline.end();
    }
  };
}
