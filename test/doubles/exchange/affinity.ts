import { createHash, randomBytes } from "node:crypto";
import type { Mailbox } from "./mailbox.ts";
import type { Call } from "./site.ts";
import { type ExchangeVersion, isExchange2010 } from "./versions.ts";

const COOKIE = "X-BackEndOverrideCookie";

/** Which mailbox server handles a call, and the cookie that the client must keep, if the answer carries one. */
export interface Routing {
  readonly backEnd: string;
  readonly setCookie: string | undefined;
}

/** The servers over which mailboxes and connections are spread. */
export interface Farm {
  readonly version: ExchangeVersion;
  readonly backEnds: number;
}

/**
 * Routes a call. Exchange 2013 and later go by the cookie of an earlier answer if the client prefers affinity, else by
 * X-AnchorMailbox, else by the mailbox; only an answer to a call without the cookie sets it. In Exchange 2010 the load
 * balancer picks any client access server and its exchangecookie leads back there.
 */
export function routeCall(call: Call, mailbox: Mailbox | undefined, { version, backEnds }: Farm): Routing {
  if (isExchange2010(version)) return routeTo2010(call, backEnds);
  const prefersAffinity = header(call, "x-preferserveraffinity").toLowerCase() === "true";
  const kept = cookie(call, COOKIE)?.split("~")[0];
  if (prefersAffinity && kept !== undefined) return { backEnd: kept, setCookie: undefined };
  const anchor = header(call, "x-anchormailbox") || (mailbox?.smtp ?? call.account.user);
  const backEnd = backEndOf(anchor, backEnds);
  const setCookie = prefersAffinity ? `${COOKIE}=${backEnd}~1942062522; path=/; secure; HttpOnly` : undefined;
  return { backEnd, setCookie };
}

function routeTo2010(call: Call, backEnds: number): Routing {
  const kept = cookie(call, "exchangecookie");
  if (kept !== undefined) return { backEnd: backEndOf(kept, backEnds), setCookie: undefined };
  const value = randomBytes(16).toString("hex");
  return { backEnd: backEndOf(value, backEnds), setCookie: `exchangecookie=${value}; path=/; HttpOnly` };
}

function cookie(call: Call, name: string): string | undefined {
  return new RegExp(`(?:^|;) *${name}=([^;]+)`, "i").exec(header(call, "cookie"))?.[1];
}

/** The same server for the same text: a mailbox has its active database on one of them. */
function backEndOf(text: string, backEnds: number): string {
  const digest = createHash("sha256").update(text.toLowerCase()).digest();
  return `exch${(digest.readUInt32BE() % backEnds) + 1}.example.com`;
}

function header(call: Call, name: string): string {
  const value = call.headers[name];
  return Array.isArray(value) ? value.join("; ") : (value ?? "");
}
