import { hours, type Milliseconds, milliseconds, seconds } from "../../src/lib/time.ts";

/** What a NOTIFY says of its subscription (RFC 6665 8.4). */
export interface SubscriptionState {
  readonly state: "active" | "pending" | "terminated";
  /** Why it has ended, in lower case; empty when it is not said. */
  readonly reason: string;
  readonly expires: Milliseconds | undefined;
  readonly retryAfter: Milliseconds | undefined;
}

/** Longer times are taken for this one: nobody's clock must overflow. */
const LONGEST = hours(24);

/** A number of seconds as headers have it; undefined when it is none. */
export function parseDelta(text: string | undefined): Milliseconds | undefined {
  const digits = /^\s*(\d{1,10})(?![\d.])/.exec(text ?? "")?.[1];
  if (digits === undefined) return undefined;
  return milliseconds(Math.min(seconds(Number(digits)), LONGEST));
}

/** Reads a header Subscription-State; states of other names are `active` (RFC 6665 8.4 lets there be more). Undefined: none. */
export function parseSubscriptionState(text: string | undefined): SubscriptionState | undefined {
  const [name = "", ...parameters] = (text ?? "").slice(0, 500).toLowerCase().split(";");
  const state = name.trim();
  if (!/^[a-z0-9._-]{1,40}$/.test(state)) return undefined;
  const parameterOf = (wanted: string): string | undefined =>
    parameters
      .map((each) => each.trim())
      .find((each) => each.startsWith(`${wanted}=`))
      ?.slice(wanted.length + 1);
  return {
    state: state === "terminated" || state === "pending" ? state : "active",
    reason: parameterOf("reason")?.trim() ?? "",
    expires: parseDelta(parameterOf("expires")),
    retryAfter: parseDelta(parameterOf("retry-after")),
  };
}
