import { GatewayError } from "../../src/ports/errors.ts";

/** Error codes of hearing clients, for docs/ERRORS.md. */
export const CLIENTS_ERROR_CODES = {
  "clients-no-presence": {
    type: "auth",
    meaning: "The XMPP server does not forward the presence of its users.",
    action: 'Grant the component presence = "managed_entity" (XEP-0356, mod_privilege).',
  },
} as const;

/** Nobody is heard in these domains. */
export const noPresenceError = (domains: readonly string[]): GatewayError =>
  new GatewayError(`the XMPP server does not forward the presence of the users of ${domains.join(", ")}`, {
    type: CLIENTS_ERROR_CODES["clients-no-presence"].type,
    code: "clients-no-presence",
  });
