import { GatewayError } from "../../ports/errors.ts";
import { NS } from "./namespaces.ts";

/** XEP-0050 4.4: the conditions that it adds, with those of RFC 6120 that go with them. */
const CONDITIONS = {
  "malformed-action": ["modify", "bad-request", "There is no such action."],
  "bad-action": ["modify", "bad-request", "This action is not possible at this point."],
  "bad-payload": ["modify", "bad-request", "The form cannot be read."],
  "bad-sessionid": ["modify", "bad-request", "There is no such session of yours: begin the command anew."],
  "session-expired": ["cancel", "not-allowed", "This session has waited for too long: begin the command anew."],
} as const;

/** An error of XEP-0050 as the answer to a request. */
export function adhocError(name: keyof typeof CONDITIONS): GatewayError {
  const [type, condition, text] = CONDITIONS[name];
  return new GatewayError(text, { type, code: `xmpp-iq-${condition}`, condition: { name, namespace: NS.commands } });
}

/** Another error of RFC 6120 8.3.3. */
export const requestError = (
  type: GatewayError["type"],
  condition: "bad-request" | "forbidden" | "item-not-found" | "resource-constraint",
  text: string,
): GatewayError => new GatewayError(text, { type, code: `xmpp-iq-${condition}` });
