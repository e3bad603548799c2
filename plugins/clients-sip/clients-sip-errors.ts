import { GatewayError } from "../../src/ports/errors.ts";

/** Error codes of hearing phones, for docs/ERRORS.md. */
export const CLIENTS_SIP_ERROR_CODES = {
  "phones-refused": {
    type: "auth",
    meaning: "The SIP server refuses most subscriptions to the users' phones.",
    action:
      "Let the server accept SUBSCRIBE from the gateway for the events that `[sip] phones` names, or name fewer there; with Kamailio, presence_xml needs `force_active` 1.",
  },
  "phones-not-heard": {
    type: "wait",
    meaning: "The users' phones are not heard: there is no connection to the SIP server.",
    action: "Nothing, if it comes back. Otherwise check `[sip] server` and `transport`.",
  },
} as const;

/** The server refuses so many of so many subscriptions. */
export const refusedError = (refused: number, all: number): GatewayError =>
  new GatewayError(`the SIP server refuses ${refused} of ${all} subscriptions to the users' phones`, {
    type: CLIENTS_SIP_ERROR_CODES["phones-refused"].type,
    code: "phones-refused",
  });

/** There is no connection. */
export const notHeardError = (): GatewayError =>
  new GatewayError("the users' phones are not heard: there is no connection to the SIP server", {
    type: CLIENTS_SIP_ERROR_CODES["phones-not-heard"].type,
    code: "phones-not-heard",
  });
