import { createHash } from "node:crypto";
import type { Mailbox } from "./mailbox.ts";
import type { Call } from "./site.ts";

const COOKIE = "X-BackEndOverrideCookie";

/** Which mailbox server handles a call, and the cookie that the client must keep, if the answer carries one. */
export interface Routing {
  readonly backEnd: string;
  readonly setCookie: string | undefined;
}

/**
 * Routes a call as Exchange 2013 and later do: by the cookie of an earlier answer if the client prefers affinity, else
 * by X-AnchorMailbox, else by the mailbox itself. Only an answer to a call without the cookie sets it.
 */
export function routeCall(call: Call, mailbox: Mailbox | undefined, backEnds: number): Routing {
  const prefersAffinity = header(call, "x-preferserveraffinity").toLowerCase() === "true";
  const cookie = new RegExp(`(?:^|;) *${COOKIE}=([^;~]+)`, "i").exec(header(call, "cookie"))?.[1];
  if (prefersAffinity && cookie !== undefined) return { backEnd: cookie, setCookie: undefined };
  const anchor = header(call, "x-anchormailbox") || (mailbox?.smtp ?? call.account.user);
  const backEnd = backEndOf(anchor, backEnds);
  const setCookie = prefersAffinity ? `${COOKIE}=${backEnd}~1942062522; path=/; secure; HttpOnly` : undefined;
  return { backEnd, setCookie };
}

/** The server that has the mailbox's active database. */
function backEndOf(smtp: string, backEnds: number): string {
  const digest = createHash("sha256").update(smtp.toLowerCase()).digest();
  return `exch${(digest.readUInt32BE() % backEnds) + 1}.example.com`;
}

function header(call: Call, name: string): string {
  const value = call.headers[name];
  return Array.isArray(value) ? value.join("; ") : (value ?? "");
}
