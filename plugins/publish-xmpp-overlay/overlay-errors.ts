import type { BareJid } from "../../src/core/addresses.ts";
import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";

/** Error codes of overlays, for docs/ERRORS.md. */
export const OVERLAY_ERROR_CODES = {
  "overlay-forbidden": {
    type: "auth",
    meaning: "The gateway's module in the XMPP server obeys another component.",
    action: "Set the module's option presence_gateway_component to the gateway's component name.",
  },
  "overlay-no-user": {
    type: "cancel",
    meaning: "The user does not exist on the XMPP server.",
    action: "Correct the user's JID, or disable the user.",
  },
  "overlay-no-module": {
    type: "cancel",
    meaning: "The user's XMPP server has no module of the gateway.",
    action: "Load mod_presence_gateway on the user's domain. Everything is published when the module appears.",
  },
  "overlay-refused": {
    type: "modify",
    meaning: "The module refused the overlay.",
    action: "Install the module that belongs to this version of the gateway.",
  },
} as const satisfies Readonly<
  Record<string, { readonly type: ErrorType; readonly meaning: string; readonly action: string }>
>;

const BY_CONDITION: Readonly<Record<string, keyof typeof OVERLAY_ERROR_CODES>> = {
  "xmpp-iq-forbidden": "overlay-forbidden",
  "xmpp-iq-item-not-found": "overlay-no-user",
  "xmpp-iq-service-unavailable": "overlay-no-module",
  "xmpp-iq-feature-not-implemented": "overlay-no-module",
  "xmpp-iq-bad-request": "overlay-refused",
};

/** The publisher's error for what the link reported; anything else comes back unchanged. */
export function toOverlayError(user: BareJid, error: unknown): unknown {
  const code = error instanceof GatewayError ? BY_CONDITION[error.code] : undefined;
  if (!code || !(error instanceof GatewayError)) return error;
  const message = `the presence of ${user} was not overlaid: ${error.message}`;
  return new GatewayError(message, { type: OVERLAY_ERROR_CODES[code].type, code, cause: error });
}
