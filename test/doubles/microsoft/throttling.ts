import type { ExchangeClock } from "../exchange/clock.ts";
import { type CloudAnswer, graphError } from "./wire.ts";

/** The forms in which Graph asks for fewer requests. */
export type ThrottleForm = "retry-after" | "no-retry-after" | "one-second-for-ever" | "service-unavailable";

/** Outlook's limits for an application; what is left out is as Microsoft documents it. */
export interface CloudLimits {
  /** Requests at a time for an application, whatever the mailbox. */
  readonly concurrent: number;
  /** Requests in ten minutes for an application and a mailbox. */
  readonly perTenMinutes: number;
  readonly form: ThrottleForm;
}

const TEN_MINUTES = 600_000;

/** How a refusal is worded. */
export function throttled(form: ThrottleForm, seconds = 10): CloudAnswer {
  if (form === "service-unavailable") {
    return { ...graphError(503, "serviceNotAvailable"), headers: { "retry-after": String(seconds) } };
  }
  const refused = graphError(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.");
  if (form === "no-retry-after") return refused;
  return { ...refused, headers: { "retry-after": form === "retry-after" ? String(seconds) : "1" } };
}

/** Counts what an application uses and refuses what is over its limits. */
export class CloudThrottle {
  readonly #limits: CloudLimits;
  readonly #clock: ExchangeClock;
  readonly #running = new Map<string, number>();
  readonly #windows = new Map<string, { readonly from: number; count: number }>();
  /** Most requests at a time that any application had. */
  peak = 0;
  refusals = 0;

  constructor(clock: ExchangeClock, limits: Partial<CloudLimits> = {}) {
    this.#clock = clock;
    this.#limits = { concurrent: 4, perTenMinutes: 10_000, form: "retry-after", ...limits };
  }

  /** Lets the request in, with what ends it, or refuses it. */
  enter(client: string, mailbox: string): (() => void) | CloudAnswer {
    const running = (this.#running.get(client) ?? 0) + 1;
    this.peak = Math.max(this.peak, running);
    if (running > this.#limits.concurrent || this.#isOverRate(`${client} ${mailbox}`)) {
      this.refusals += 1;
      return throttled(this.#limits.form);
    }
    this.#running.set(client, running);
    return () => this.#running.set(client, (this.#running.get(client) ?? 1) - 1);
  }

  #isOverRate(key: string): boolean {
    const now = this.#clock.now();
    const known = this.#windows.get(key);
    const window = known && now - known.from < TEN_MINUTES ? known : { from: now, count: 0 };
    this.#windows.set(key, window);
    window.count += 1;
    return window.count > this.#limits.perTenMinutes;
  }
}
