import type { Milliseconds } from "../lib/time.ts";
import type { Clock } from "./runtime.ts";

/** Calls back after `length`, which no clock step changes, unlike `Clock.at`; the returned function cancels. */
export function after(clock: Pick<Clock, "sleep">, length: Milliseconds, callback: () => void): () => void {
  const cancelled = new AbortController();
  void clock.sleep(length, cancelled.signal).then(callback, () => undefined); // rejects only when cancelled
  return () => cancelled.abort();
}
