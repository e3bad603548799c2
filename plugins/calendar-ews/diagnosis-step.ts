import type { Mailbox } from "../../src/core/addresses.ts";
import { hours, plus, seconds } from "../../src/lib/time.ts";
import type { BusyTimeResult } from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
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

/** What was found, in words; as a warning where it is not as it should be. */
export type StepFinding = string | { readonly detail: string; readonly isWarning: true };

/** One step and what it tries; rejects where it fails. */
export interface DiagnosisStep {
  readonly name: string;
  readonly attempt: (signal: AbortSignal) => Promise<StepFinding>;
  /** Who is spoken to, where it is not the server. */
  readonly host?: string;
  /** What administrators know the failure by (T1 to T9); undefined where the error's text begins with it. */
  readonly status?: (error: GatewayError) => string | undefined;
}

/** Administrators wait for the answer; a firewall that swallows packets would else hold it up for minutes. */
export const LONGEST_STEP = seconds(10);

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
