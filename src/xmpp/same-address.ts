import { AddressError, bareJidOf, resourceOf } from "../core/addresses.ts";

/** True when both texts are the same JID; servers may prepare what they were sent (RFC 7622). */
export function sameAddress(a: string, b: string): boolean {
  if (a === b) return true;
  try {
    return resourceOf(a) === resourceOf(b) && bareJidOf(a) === bareJidOf(b);
  } catch (error) {
    if (error instanceof AddressError) return false;
    throw error;
  }
}
