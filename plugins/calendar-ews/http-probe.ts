import { type buildConnector, Client, type Dispatcher } from "undici";
import { parseHttpChallenges } from "../shared-microsoft/http-challenges.ts";
import { headError } from "./connection-errors.ts";

/** Statuses of a server that looks for an EWS request, or for a login, where it was sent nothing. */
const EXPECTED: readonly number[] = [400, 401, 411, 415];
/** Headers by which Exchange shows, before any login: the front end, Outlook on the web, the diagnostics of 2013 on. */
const SIGNS = ["x-feserver", "x-owa-version", "x-diaginfo"];
const LONGEST_PAGE = 64 * 1024;

/** Sends an empty request without a login and says what answers there. Rejects with GatewayError or as undici does. */
export async function probeHttp(url: URL, connect: buildConnector.connector, signal: AbortSignal): Promise<string> {
  const client = new Client(url.origin, { connect, headersTimeout: 0, bodyTimeout: 0 });
  try {
    const response = await client.request({
      method: "POST",
      path: url.pathname + url.search,
      headers: { "content-type": "text/xml; charset=utf-8", "user-agent": "presence-gateway" },
      body: "",
      signal,
    });
    await response.body.dump({ limit: LONGEST_PAGE, signal });
    return describe(response, url);
  } finally {
    await client.destroy();
  }
}

function describe(response: Dispatcher.ResponseData, url: URL): string {
  const status = response.statusCode;
  const head = {
    status,
    contentType: headerOf(response, "content-type") ?? "",
    retryAfter: headerOf(response, "retry-after"),
    location: headerOf(response, "location"),
  };
  const error = EXPECTED.includes(status) ? undefined : headError(head, url.host);
  if (error) throw error;
  return `HTTP ${status}, ${describeLogins(response)}; ${describeServer(response)}`;
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

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}
