import type { BareJid } from "../../src/core/addresses.ts";
import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";

/** Error codes of publishing activities, for docs/ERRORS.md. */
export const PEP_ERROR_CODES = {
  "pep-forbidden": {
    type: "auth",
    meaning: "The XMPP server does not let the gateway publish for the user.",
    action:
      "Grant the component iq permission for pubsub (XEP-0356), or on ejabberd before 24.10 set check_from: false.",
  },
  "pep-no-user": {
    type: "cancel",
    meaning: "The user does not exist on the XMPP server.",
    action: "Correct the user's JID, or disable the user.",
  },
  "pep-unavailable": {
    type: "cancel",
    meaning: "The XMPP server offers no PEP, or no privileged iq.",
    action: "Load mod_pep on Prosody, mod_pubsub with plugin pep on ejabberd.",
  },
  "pep-refused": {
    type: "modify",
    meaning: "The XMPP server refused the publication.",
    action: "Look at the user's activity node: its configuration may not let the owner publish.",
  },
} as const satisfies Readonly<
  Record<string, { readonly type: ErrorType; readonly meaning: string; readonly action: string }>
>;

type PepCode = keyof typeof PEP_ERROR_CODES;

/** By the condition of RFC 6120 8.3.3; what is not named here keeps the link's code, e.g. to be tried again. */
const BY_CONDITION: Readonly<Record<string, PepCode>> = {
  "xmpp-iq-forbidden": "pep-forbidden",
  "xmpp-iq-not-authorized": "pep-forbidden",
  "xmpp-iq-item-not-found": "pep-no-user",
  "xmpp-iq-service-unavailable": "pep-unavailable",
  "xmpp-iq-feature-not-implemented": "pep-unavailable",
  "xmpp-iq-conflict": "pep-refused",
  "xmpp-iq-not-acceptable": "pep-refused",
  "xmpp-iq-not-allowed": "pep-refused",
  "xmpp-iq-bad-request": "pep-refused",
};

/** The publisher's error for what the link reported; anything else comes back unchanged. */
export function toPepError(user: BareJid, error: unknown): unknown {
  if (!(error instanceof GatewayError)) return error;
  const code = BY_CONDITION[error.code];
  if (code) {
    const message = `the activity of ${user} was not published: ${error.message}`;
    return new GatewayError(message, { type: PEP_ERROR_CODES[code].type, code, cause: error });
  }
  // Prosody answers internal-server-error with type wait or cancel while its storage is in trouble: it passes.
  if (error.code !== "xmpp-iq-internal-server-error") return error;
  return new GatewayError(error.message, { type: "wait", code: error.code, cause: error });
}
