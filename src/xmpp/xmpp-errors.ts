import { type ErrorType, GatewayError } from "../ports/errors.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import { elementsOf, findChild, textOf } from "../ports/xml-element.ts";
import type { XmlDraft } from "../ports/xmpp-link.ts";
import { NS } from "./namespaces.ts";

/** What an error code means, and what the administrator should do. */
export interface ErrorCodeEntry {
  readonly type: ErrorType;
  readonly meaning: string;
  readonly action: string;
}

const entry = (type: ErrorType, meaning: string, action: string): ErrorCodeEntry => ({ type, meaning, action });

const SERVER_LOG = "Look in the XMPP server's log for the component's name at the same time.";
const RETRIED = "Nothing: it is tried again.";

/** Conditions of RFC 6120 8.3.3 with the type that RFC gives each; codes are `xmpp-iq-<condition>`. */
const STANZA_CONDITIONS: Readonly<Record<string, ErrorType>> = {
  "bad-request": "modify",
  conflict: "cancel",
  "feature-not-implemented": "cancel",
  forbidden: "auth",
  gone: "cancel",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "not-authorized": "auth",
  "policy-violation": "modify",
  "recipient-unavailable": "wait",
  redirect: "modify",
  "registration-required": "auth",
  "remote-server-not-found": "cancel",
  "remote-server-timeout": "wait",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
  "subscription-required": "auth",
  "undefined-condition": "wait",
  "unexpected-request": "wait",
};

const LINK_CODES = {
  "xmpp-offline": entry("wait", "There is no connection to the XMPP server.", RETRIED),
  "xmpp-unreachable": entry(
    "wait",
    "The XMPP server's component port does not answer.",
    "Check that the server runs, and [xmpp] service against its component port.",
  ),
  "xmpp-not-authorized": entry(
    "auth",
    "The XMPP server refused the component's secret.",
    "Make [xmpp] secret and the server's component_secret (ejabberd: password) the same. Tried again every minute.",
  ),
  "xmpp-conflict": entry(
    "wait",
    "Another connection already serves the component's name.",
    "Stop the other gateway or component. Tried again every minute.",
  ),
  "xmpp-host-unknown": entry(
    "modify",
    "The XMPP server does not know the component's name.",
    "Configure the component on the server, or correct [xmpp] component. Tried again every minute.",
  ),
  "xmpp-stream-error": entry("wait", "The XMPP server ended the stream with an error.", SERVER_LOG),
  "xmpp-bad-stream": entry(
    "wait",
    "What came from the XMPP server is no XMPP stream.",
    "Check that [xmpp] service names the component port, not that of clients or servers.",
  ),
  "xmpp-timeout": entry("wait", "The XMPP server did not answer in time.", "Check the server's load."),
  "xmpp-congested": entry("wait", "The XMPP server takes stanzas more slowly than they arise.", RETRIED),
  "xmpp-no-access": entry(
    "auth",
    "The XMPP server does not let the gateway act for its users.",
    "Prosody, ejabberd 24.10 or later: grant iq permission for pubsub (XEP-0356). Older ejabberd: check_from: false and acts-by = trusted.",
  ),
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;

/** Every error code of the link, for docs/ERRORS.md. */
export const XMPP_ERROR_CODES: Readonly<Record<string, ErrorCodeEntry>> = {
  ...LINK_CODES,
  ...Object.fromEntries(
    Object.entries(STANZA_CONDITIONS).map(([condition, type]) => [
      `xmpp-iq-${condition}`,
      entry(type, `An XMPP entity answered a request with <${condition}/> (RFC 6120 8.3.3).`, SERVER_LOG),
    ]),
  ),
};

/** An error of the link, with its type from the table, and what to do where there is anything to do. */
export function linkError(code: keyof typeof LINK_CODES, message: string, cause?: unknown): GatewayError {
  const { type, action } = LINK_CODES[code];
  return new GatewayError(action === RETRIED ? message : `${message}. ${action}`, { type, code, cause });
}

const isErrorType = (text: string): text is ErrorType => ["auth", "cancel", "modify", "wait"].includes(text);

/** Texts of other programs are cut before they enter a message. */
const cut = (text: string): string => (text.length > 300 ? `${text.slice(0, 300)}…` : text);

/** The error of a stanza of type error: condition and type of RFC 6120 8.3, and the server's text. */
export function decodeStanzaError(stanza: XmlElement): GatewayError {
  const error = elementsOf(stanza).find((child) => child.name === "error");
  const conditions = error ? elementsOf(error).filter((child) => child.namespace === NS.stanzaErrors) : [];
  const named = conditions.find((child) => Object.hasOwn(STANZA_CONDITIONS, child.name))?.name;
  const condition = named ?? "undefined-condition";
  const text = conditions.find((child) => child.name === "text");
  const type = error?.attributes["type"] ?? "";
  return new GatewayError(
    `${stanza.attributes["from"] ?? "the server"} answered ${condition}${text ? `: ${cut(textOf(text))}` : ""}`,
    { type: isErrorType(type) ? type : (STANZA_CONDITIONS[condition] ?? "wait"), code: `xmpp-iq-${condition}` },
  );
}

/** The link's error for a `<stream:error/>` (RFC 6120 4.9.3). */
export function decodeStreamError(error: XmlElement): GatewayError {
  const conditions = elementsOf(error).filter((child) => child.namespace === NS.streamErrors);
  const condition = conditions.find((child) => child.name !== "text")?.name ?? "undefined-condition";
  const text = findChild(error, "text", NS.streamErrors);
  const code = `xmpp-${condition}`;
  const known = code === "xmpp-not-authorized" || code === "xmpp-conflict" || code === "xmpp-host-unknown";
  return linkError(
    known ? code : "xmpp-stream-error",
    `the XMPP server ended the stream: ${cut(condition)}${text ? ` (${cut(textOf(text))})` : ""}`,
  );
}

const CONDITION_OF_TYPE: Readonly<Record<ErrorType, string>> = {
  auth: "forbidden",
  cancel: "not-allowed",
  modify: "bad-request",
  wait: "resource-constraint",
};

/** The `<error/>` child that answers a request with this error; a code `xmpp-iq-…` names its condition. */
export function encodeStanzaError(error: GatewayError): XmlDraft {
  const named = error.code.startsWith("xmpp-iq-") ? error.code.slice("xmpp-iq-".length) : "";
  const condition = Object.hasOwn(STANZA_CONDITIONS, named) ? named : CONDITION_OF_TYPE[error.type];
  return {
    name: "error",
    attributes: { type: error.type },
    children: [
      { name: condition, attributes: { xmlns: NS.stanzaErrors } },
      { name: "text", attributes: { xmlns: NS.stanzaErrors }, children: [error.message] },
      ...(error.condition ? [{ name: error.condition.name, attributes: { xmlns: error.condition.namespace } }] : []),
    ],
  };
}
