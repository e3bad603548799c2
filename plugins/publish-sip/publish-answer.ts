import { ownText } from "../../src/lib/own-text.ts";
import { hours, type Milliseconds, seconds } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { SipResponse } from "../shared-sip/sip-server.ts";

/** What came of a PUBLISH: the response as far as it matters, or why there was none. */
export type PublishAnswer =
  | {
      readonly kind: "response";
      readonly status: number;
      readonly reason: string;
      /** RFC 3903 11.3.1. */
      readonly etag?: string | undefined;
      readonly expires?: Milliseconds | undefined;
      readonly minExpires?: Milliseconds | undefined;
      readonly retryAfter?: Milliseconds | undefined;
    }
  | { readonly kind: "none"; readonly error: GatewayError };

/** Longer times are nonsense for presence; they are taken for this one. */
const LONGEST = hours(24 * 7);
const TAG = /^[\w\-.!%*+`'~]{1,200}$/;

/** Reads a response to PUBLISH; what is not valid in it counts as absent. */
export function readPublishAnswer(response: SipResponse): PublishAnswer {
  const etag = response.header("SIP-ETag");
  return {
    kind: "response",
    status: response.status,
    reason: response.reason.slice(0, 100),
    etag: etag !== undefined && TAG.test(etag) ? ownText(etag) : undefined, // kept for hours
    expires: readSeconds(response.header("Expires")),
    minExpires: readSeconds(response.header("Min-Expires")),
    retryAfter: readSeconds(response.header("Retry-After")),
  };
}

/** RFC 3261 20.19, 20.33: seconds, in Retry-After perhaps with a comment or parameters. */
function readSeconds(text: string | undefined): Milliseconds | undefined {
  if (text === undefined) return undefined;
  const digits = /^(\d{1,10})\s*(?:[;(]|$)/.exec(text)?.[1];
  return digits === undefined ? undefined : seconds(Math.min(Number(digits), LONGEST / 1000));
}
