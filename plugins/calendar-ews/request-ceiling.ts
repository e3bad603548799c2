/** Requests at once before anything is known of the server: below EWSMaxConcurrency of Exchange 2010, the strictest default. */
export const FIRST_LIMIT = 5;

// An administrator's test runs beside, and a server may count a request for a moment after it was answered.
const MARGIN = { of10: 1, of27: 3 };

/**
 * The most requests at once that the default policy of a server's version allows, less a margin.
 *
 * @param serverVersion `15.2.1544`; undefined and other servers' count as the strictest
 */
export function defaultCeiling(serverVersion: string | undefined): number {
  // EWSMaxConcurrency: 10 in Exchange 2010 (14), 27 from Exchange 2013 (15) on.
  const major = Number(/^\d+/.exec(serverVersion ?? "")?.[0] ?? 0);
  return major >= 15 ? 27 - MARGIN.of27 : 10 - MARGIN.of10;
}
