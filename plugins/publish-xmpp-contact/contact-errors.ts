import type { PresentityId } from "../../src/core/addresses.ts";
import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";

/** Error codes of contact JIDs, for docs/ERRORS.md. */
export const CONTACT_ERROR_CODES = {
  "contact-no-user": {
    type: "cancel",
    meaning: "There is a presence to show on a contact JID of somebody who is no enabled user.",
    action: "None: it passes by itself. If it comes again, report it.",
  },
} as const satisfies Readonly<
  Record<string, { readonly type: ErrorType; readonly meaning: string; readonly action: string }>
>;

/** Makes `contact-no-user`. */
export const noUserError = (presentity: PresentityId): GatewayError =>
  new GatewayError(`${presentity} is no enabled user`, {
    type: CONTACT_ERROR_CODES["contact-no-user"].type,
    code: "contact-no-user",
  });
