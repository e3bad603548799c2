import { z } from "zod";
import type { GatewayError } from "../../src/ports/errors.ts";
import { parseLimitedJson } from "../shared-http/limited-json.ts";
import { retryAfterOf } from "../shared-http/retry-after.ts";
import type { WebAnswer } from "../shared-http/web-client.ts";
import { type GraphErrorCode, graphError } from "./graph-errors.ts";

/** An HTTP status, and Graph's own code, as the cause of an error. */
class GraphStatusError extends Error {
  override readonly name = "GraphStatusError";
  readonly status: number;
  /** Such as `ErrorAccessDenied`; empty when the answer had none. */
  readonly graphCode: string;

  constructor(status: number, graphCode: string) {
    super(`HTTP ${status}${graphCode && ` ${graphCode}`}`);
    this.status = status;
    this.graphCode = graphCode;
  }
}

/** OData error body; the message decides only between two kinds of ErrorAccessDenied and is not kept. */
const shape = z.object({
  error: z.object({
    code: z.string().max(200).catch(""),
    message: z.string().catch(""),
  }),
});

/** What Exchange and Graph call it, in lower case, and what it is here: of a whole answer or of one schedule. */
const BY_CODE: ReadonlyMap<string, GraphErrorCode> = new Map<string, GraphErrorCode>([
  ["authorization_requestdenied", "graph-permission-missing"],
  ["erroraccessdenied", "graph-access-denied"],
  ["mailboxnotenabledforrestapi", "graph-mailbox-not-licensed"],
  ["mailboxnotsupportedforrestapi", "graph-mailbox-not-licensed"],
  ["mailboxnothostedinexchangeonline", "graph-mailbox-not-licensed"],
  ["errorinvaliduser", "graph-mailbox-not-found"],
  ["request_resourcenotfound", "graph-mailbox-not-found"],
  ["resourcenotfound", "graph-mailbox-not-found"],
  ["errornonexistentmailbox", "graph-mailbox-not-found"],
  ["errormailrecipientnotfound", "graph-mailbox-not-found"],
  ["errornofreebusyaccess", "graph-no-free-busy-access"],
  ["errormailboxdataarraytoobig", "graph-batch-too-big"],
  ["errortimeintervaltoobig", "graph-window-too-big"],
  ["errorserverbusy", "graph-throttled"],
  ["errortoomanyobjectsopened", "graph-throttled"],
  ["applicationthrottled", "graph-throttled"],
  ["toomanyrequests", "graph-throttled"],
  ["mailboxconcurrency", "graph-throttled"],
]);

/** The code for one of Exchange's or Graph's; `undefined` for one that is not known here. */
export const graphCodeOf = (code: string): GraphErrorCode | undefined => BY_CODE.get(code.toLowerCase());

/** The error of an answer that is not 2xx. `subject` is whom it names: the host, or a mailbox at the host. */
export function answerError({ status, header, text }: WebAnswer, subject: string): GatewayError {
  const parsed = shape.safeParse(parseLimitedJson(text));
  const { code, message } = parsed.success ? parsed.data.error : { code: "", message: "" };
  const name = /^[\w.]{1,100}$/.test(code) ? code : "";
  const kind = kindOf(status, { code, message });
  const wait = retryAfterOf(header("retry-after"));
  const more = { cause: new GraphStatusError(status, name), ...(kind === "graph-throttled" ? wait : {}) };
  return graphError(kind, `${subject}: the service answered HTTP ${status}${name && ` (${name})`}`, more);
}

function kindOf(
  status: number,
  { code, message }: { readonly code: string; readonly message: string },
): GraphErrorCode {
  if (status === 401) return "graph-unauthorized";
  if (status === 429 || status === 503) return "graph-throttled";
  // "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."
  if (status === 403 && /AccessPolicy|\[RAOP\]/i.test(message)) return "graph-access-policy";
  const known = graphCodeOf(code);
  if (known) return known;
  if (status === 403) return "graph-permission-missing";
  if (status >= 500) return "graph-unavailable";
  // A page of something in between has no code of Graph's.
  return code === "" || status < 400 ? "graph-bad-answer" : "graph-request-refused";
}
