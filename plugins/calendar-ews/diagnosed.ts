import type { Mailbox } from "../../src/core/addresses.ts";
import { hours, plus } from "../../src/lib/time.ts";
import type { BusyTimeResult } from "../../src/ports/calendar-source.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import type { ProxyRoute } from "../shared-http/proxy-route.ts";
import { availabilityOperation } from "./availability.ts";
import type { EwsClient } from "./ews-client.ts";
import { fetchAsOwner } from "./fetch-as-owner.ts";
import type { EwsLogin } from "./login/ews-login.ts";

/** The server that is tried, and what tries it. */
export interface Diagnosed {
  readonly url: URL;
  readonly login: Pick<EwsLogin, "name" | "isApplication">;
  readonly trust: Trust;
  readonly terms: TlsTerms;
  readonly route: ProxyRoute | undefined;
  readonly client: EwsClient;
  readonly clock: Clock;
}

/** Reads the mailbox's next 24 hours. */
export async function fetchOne(
  { client, clock, login }: Diagnosed,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<BusyTimeResult | undefined> {
  const now = clock.now();
  const query = { host: client.host, mailboxes: [mailbox], window: { start: now, end: plus(now, hours(24)) } };
  const answer = login.isApplication
    ? await fetchAsOwner(query, (operation) => client.tryNow(operation, signal))
    : (await client.tryNow(availabilityOperation(query), signal)).content;
  return answer[0];
}
