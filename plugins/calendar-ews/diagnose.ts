import type { TestStep, TestSubject } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { Deadline } from "../shared-http/deadline.ts";
import { orAborted } from "../shared-http/or-aborted.ts";
import { connectionError } from "./connection-errors.ts";
import { connectionSteps } from "./diagnose-connection.ts";
import { mailboxSteps } from "./diagnose-mailbox.ts";
import { type Diagnosed, type DiagnosisStep, LONGEST_STEP } from "./diagnosis-step.ts";
import { ewsError } from "./ews-errors.ts";

/** From the name to the mailbox, one step after the other; without a connection nothing more is tried. */
export async function* diagnose(
  server: Diagnosed,
  subject: TestSubject,
  signal: AbortSignal,
): AsyncGenerator<TestStep, void> {
  const attempt = (step: DiagnosisStep): Promise<TestStep> => tryStep(step, server, signal);
  for (const step of connectionSteps(server, subject.mailbox)) {
    const result = await attempt(step);
    yield result;
    if (!result.ok) return;
  }
  yield* mailboxSteps(server, subject, attempt);
}

async function tryStep(step: DiagnosisStep, { clock, url }: Diagnosed, signal: AbortSignal): Promise<TestStep> {
  const deadline = new Deadline(clock, signal);
  deadline.set(LONGEST_STEP, () => ewsError("ews-timeout", `${url.host}: no answer within ${LONGEST_STEP / 1000} s`));
  const startedAt = clock.now();
  const finish = (result: Pick<TestStep, "ok" | "detail" | "isWarning">): TestStep => {
    return { step: step.name, ...result, milliseconds: Math.max(0, clock.now() - startedAt) };
  };
  try {
    const found = await orAborted(step.attempt(deadline.signal), deadline.signal);
    return finish(typeof found === "string" ? { ok: true, detail: found } : { ok: true, ...found });
  } catch (error) {
    signal.throwIfAborted();
    const failure = error instanceof GatewayError ? error : connectionError(error, step.host ?? url.host);
    const words = step.status?.(failure);
    return finish({ ok: false, detail: `${words ? `${words}: ` : ""}${failure.message} (${failure.code})` });
  } finally {
    deadline.end();
  }
}
