import { GatewayError } from "../../../src/ports/errors.ts";

interface ErrorCode {
  readonly type: GatewayError["type"];
  readonly meaning: string;
  readonly action: string;
}

/** Error codes of change notifications; the rest of the plugin has its own table. */
export const GRAPH_WATCH_ERROR_CODES = {
  "graph-webhook-unreachable": {
    type: "modify",
    meaning: "Microsoft Graph cannot reach the gateway's webhook, so that no subscription can be made.",
    action:
      "Let `[notifications] public-url` (or the gateway's name and port) be reachable from the Internet by HTTPS with a certificate of a public authority, POST and query included; until then calendars are read at intervals.",
  },
  "graph-watch-refused": {
    type: "auth",
    meaning: "The application may not be told of changes in calendars, though it may read them.",
    action: "Give the application Calendars.Read (type Application); until then calendars are read at intervals.",
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** Makes the error: the text says what happened, the table adds what to do. */
function watchError(code: keyof typeof GRAPH_WATCH_ERROR_CODES, text: string, cause: unknown): GatewayError {
  const { type, action } = GRAPH_WATCH_ERROR_CODES[code];
  return new GatewayError(`${text}. ${action}`, { type, code, cause });
}

/** What was answered is no such thing. */
export const badAnswer = (host: string, what: string): GatewayError =>
  new GatewayError(`${host}: what was to be ${what} is something else`, { type: "wait", code: "graph-bad-answer" });

/** What a failed request about one subscription means. */
export type Problem =
  /** The mailbox, or the subscription where one was named, does not exist. */
  | "not-found"
  /** Only this mailbox. */
  | "mailbox"
  /** The application lacks a right, at least for this mailbox. */
  | "forbidden"
  /** The webhook did not answer the validation request. */
  | "webhook"
  /** Another demand may be taken: a shorter lifetime. */
  | "refused"
  /** Says nothing of the subscription: the service, the network, the token. */
  | "elsewhere";

const MAILBOX_CODES = ["graph-access-denied", "graph-access-policy", "graph-mailbox-not-licensed"];
// Seen as the code of "Subscription validation request failed" (or "timed out").
const VALIDATION_CODES = ["validationerror", "invalidrequest"];

/** What the error, as GraphClient rejects with it, means for a subscription. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof GatewayError)) return "elsewhere";
  const { status, graphCode } = detailsOf(error.cause);
  if (error.code === "graph-mailbox-not-found" || status === 404) return "not-found";
  if (MAILBOX_CODES.includes(error.code)) return "mailbox";
  if (error.code === "graph-permission-missing" || status === 403) return "forbidden";
  if (error.code !== "graph-request-refused" && status !== 400) return "elsewhere";
  return VALIDATION_CODES.includes(graphCode.toLowerCase()) ? "webhook" : "refused";
}

/**
 * What the error of making a subscription means for all mailboxes; undefined when it concerns this one. Throws what says
 * nothing of subscriptions.
 */
export function generalTrouble(error: unknown, host: string, hasOthers: boolean): GatewayError | undefined {
  switch (problemOf(error)) {
    case "not-found":
    case "mailbox":
      return undefined;
    case "forbidden":
      return hasOthers ? undefined : watchError("graph-watch-refused", `${host}: subscriptions are refused`, error);
    case "webhook":
    case "refused":
      return watchError("graph-webhook-unreachable", `${host}: subscriptions are not made`, error);
    case "elsewhere":
      throw error;
  }
}

/** HTTP status and Graph's own code stand in the cause. */
function detailsOf(cause: unknown): { readonly status: number; readonly graphCode: string } {
  const details = { status: 0, graphCode: "" };
  if (!(cause instanceof Error)) return details;
  if ("status" in cause && typeof cause.status === "number") details.status = cause.status;
  if ("graphCode" in cause && typeof cause.graphCode === "string") details.graphCode = cause.graphCode;
  return details;
}
