import { formatDay, hours, type Instant, minutes, plus } from "../../lib/time.ts";
import { toGatewayError } from "../../ports/errors.ts";
import type { SeenCertificate, TrustStore } from "../../ports/trust-store.ts";
import { type Administrators, tellAdministrators } from "../tell-administrators.ts";

/** Days before the end at which the administrators are told, once each. */
const WARN_AT = [1, 7, 30, 60] as const;
const DAY = hours(24);
const LOOK_INTERVAL = hours(1);
/** Sooner while something could not be told. */
const RETRY_INTERVAL = minutes(1);
/** What no server has shown for so long is not in use any more. */
const LONGEST_UNSEEN = hours(72);

/** What the warnings are made of. */
export interface ExpiryWarningsDeps extends Administrators {
  readonly store: TrustStore;
}

interface Expiry {
  readonly sha256: string;
  readonly subject: string;
  readonly notAfter: Instant;
  /** `installed`, or which hosts show it. */
  readonly where: string;
}

/** Tells the administrators by chat of certificates that expire, until the signal aborts. */
export async function warnOfExpiries(deps: ExpiryWarningsDeps, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps.runtime;
  while (!signal.aborted) {
    let wait = LOOK_INTERVAL;
    try {
      if (!(await warnOnce(deps, signal))) wait = RETRY_INTERVAL;
    } catch (error) {
      if (signal.aborted) return;
      wait = RETRY_INTERVAL;
      log.warn("certificate.warning-failed", { code: toGatewayError(error).code });
    }
    await clock.sleep(wait, signal).catch(() => undefined);
  }
}

/** Tells what is due; false when nobody could be told now. What is noted after telling may be told twice, never missed. */
async function warnOnce(deps: ExpiryWarningsDeps, signal: AbortSignal): Promise<boolean> {
  const { store, link, runtime } = deps;
  const now = runtime.clock.now();
  const told = new Set((await store.listWarnings()).map(({ sha256, days }) => `${sha256} ${days}`));
  for (const expiry of await listExpiries(store, now)) {
    const days = WARN_AT.find((each) => expiry.notAfter - now <= each * DAY);
    // Who was told of the last day need not be told of the last week.
    if (days === undefined || WARN_AT.some((each) => each <= days && told.has(`${expiry.sha256} ${each}`))) continue;
    if (!link.isOnline) return false;
    await tellAdministrators(deps, describe(expiry, now), signal);
    runtime.log.warn("certificate.expires-soon", { sha256: expiry.sha256, where: expiry.where, days });
    await store.recordWarning({ sha256: expiry.sha256, days }, now);
  }
  return true;
}

/** True for a certificate that the server has shown lately. */
export const isInUse = ({ seenAt }: SeenCertificate, now: Instant): boolean => plus(seenAt, LONGEST_UNSEEN) >= now;

/** Each certificate once, wherever it is. */
async function listExpiries(store: TrustStore, now: Instant): Promise<readonly Expiry[]> {
  const expiries = new Map<string, Expiry>();
  for (const certificate of await store.listInstalled()) {
    expiries.set(certificate.sha256, { ...certificate, where: "the trust store" });
  }
  for (const certificate of await store.listSeen()) {
    if (!isInUse(certificate, now)) continue;
    const known = expiries.get(certificate.sha256);
    expiries.set(certificate.sha256, {
      ...certificate,
      where: known ? `${known.where}, ${certificate.host}` : certificate.host,
    });
  }
  return [...expiries.values()];
}

function describe({ subject, notAfter, where, sha256 }: Expiry, now: Instant): string {
  const day = formatDay(notAfter);
  const left = Math.ceil((notAfter - now) / DAY);
  const when = left <= 0 ? `has expired on ${day}` : `expires on ${day}, in ${left === 1 ? "1 day" : `${left} days`}`;
  return `Certificate ${subject} (of ${where}) ${when}. SHA-256 ${sha256}. Renew it; what is trusted here shows: certificate list`;
}
