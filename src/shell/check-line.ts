import { type Milliseconds, milliseconds, plus } from "../lib/time.ts";
import type { Runtime } from "../ports/runtime.ts";

const LOOK_AGAIN = milliseconds(50);

/** One line of the check. */
export interface CheckLine {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Resolves when the condition holds, at the latest after the limit. */
export async function waitUntil(condition: () => boolean, limit: Milliseconds, { clock }: Runtime): Promise<void> {
  const end = plus(clock.now(), limit);
  const { signal } = new AbortController();
  while (!condition() && clock.now() < end) await clock.sleep(LOOK_AGAIN, signal);
}
