// More than that is not believed.
const LONGEST = 3_600_000;

/** Retry-After in its form of seconds (RFC 9110 10.2.3), as milliseconds for an error; empty when there is none. */
export function retryAfterOf(text: string | undefined): { readonly retryAfter?: number } {
  const wait = /^\d{1,9}$/.test(text ?? "") ? Math.min(Number(text) * 1000, LONGEST) : 0;
  return wait > 0 ? { retryAfter: wait } : {};
}
