import { type buildConnector, Client, type Dispatcher } from "undici";
import type { GatewayError } from "../../src/ports/errors.ts";
import { parseHttpChallenges } from "../shared-microsoft/http-challenges.ts";
import { type AnswerHead, headerOf, headOf } from "./http-head.ts";

/** What is asked of a server without a login. */
export interface HttpProbe {
  readonly method: "POST" | "OPTIONS";
  /** The error for an answer by which the server is not what it should be. */
  readonly judge: (head: AnswerHead) => GatewayError | undefined;
}

/** Headers by which Exchange shows, before any login: the front end, Outlook on the web, the diagnostics of 2013 on. */
const SIGNS = ["x-feserver", "x-owa-version", "x-diaginfo"];
const LONGEST_PAGE = 64 * 1024;

/** What answers there, in words, and what time it is there. */
export interface ProbeAnswer {
  readonly text: string;
  /** The header `Date` (RFC 9110 6.6.1); absent where the server has no clock. */
  readonly date: string | undefined;
}

/** Sends an empty request without a login and says what answers there. Rejects with GatewayError or as undici does. */
export async function probeHttp(
  url: URL,
  connect: buildConnector.connector,
  { method, judge }: HttpProbe,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const client = new Client(url.origin, { connect, headersTimeout: 0, bodyTimeout: 0 });
  try {
    const response = await client.request({
      method,
      path: url.pathname + url.search,
      headers: { "content-type": "text/xml; charset=utf-8", "user-agent": "presence-gateway" },
      body: "",
      signal,
    });
    await response.body.dump({ limit: LONGEST_PAGE, signal });
    const error = judge(headOf(response));
    if (error) throw error;
    const text = `HTTP ${response.statusCode}, ${describeLogins(response)}; ${describeServer(response)}`;
    return { text, date: headerOf(response, "date") };
  } finally {
    await client.destroy();
  }
}

function describeLogins({ statusCode, headers }: Dispatcher.ResponseData): string {
  const schemes = [...new Set(parseHttpChallenges(headers["www-authenticate"]).map(({ scheme }) => scheme))];
  if (schemes.length > 0) return `logins offered: ${schemes.join(", ").slice(0, 100)}`;
  return statusCode === 401 ? "no login is offered" : "no login is asked for";
}

function describeServer(response: Dispatcher.ResponseData): string {
  const sign = SIGNS.find((name) => headerOf(response, name) !== undefined);
  if (sign !== undefined) return `it is Exchange (${sign}: ${headerOf(response, sign)?.slice(0, 80)})`;
  const server = headerOf(response, "server");
  return `whether it is Exchange does not show yet${server === undefined ? "" : ` (server: ${server.slice(0, 80)})`}`;
}
