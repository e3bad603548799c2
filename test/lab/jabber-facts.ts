import type { Element } from "@xmpp/xml";

/** One thing that a client was told, in the order of arrival. */
export type JabberFact = PresenceFact | ActivityFact | MessageFact | ErrorFact;

export interface PresenceFact {
  readonly kind: "presence";
  /** The full JID whose presence it is. */
  readonly from: string;
  /** RFC 6121 4.7.2.1, with `available` for no show and `offline` for unavailable. */
  readonly show: "chat" | "available" | "away" | "xa" | "dnd" | "offline";
  /** The first status text; empty when there is none. */
  readonly status: string;
  /** All status texts by language tag; `""` for the one without. */
  readonly statuses: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly element: Element;
}

export interface ActivityFact {
  readonly kind: "activity";
  /** The bare JID whose activity it is. */
  readonly from: string;
  /** XEP-0108 general and specific activity; empty strings for none. */
  readonly general: string;
  readonly specific: string;
  readonly text: string;
  readonly element: Element;
}

export interface MessageFact {
  readonly kind: "message";
  readonly from: string;
  readonly body: string;
  readonly element: Element;
}

export interface ErrorFact {
  readonly kind: "error";
  readonly from: string;
  /** RFC 6120 8.3.3, such as `not-allowed`. */
  readonly condition: string;
  readonly text: string;
  readonly element: Element;
}

export const NS_ACTIVITY = "http://jabber.org/protocol/activity";
const NS_EVENT = "http://jabber.org/protocol/pubsub#event";
const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const SHOWS = ["chat", "away", "xa", "dnd"] as const;

/** What a stanza tells its reader; undefined for IQs, subscription requests and events of other PEP nodes. */
export function decodeFact(stanza: Element): JabberFact | undefined {
  const { type } = stanza.attrs;
  if (stanza.name !== "iq" && type === "error") return decodeError(stanza);
  if (stanza.name === "presence") {
    return type === undefined || type === "unavailable" ? decodePresence(stanza) : undefined;
  }
  if (stanza.name !== "message") return undefined;
  return stanza.getChild("event", NS_EVENT) ? decodeActivity(stanza) : decodeMessage(stanza);
}

/** The error that an error stanza carries. */
export function decodeError(stanza: Element): ErrorFact {
  const error = stanza.getChild("error");
  const condition = error
    ?.getChildElements()
    .find((each) => each.attrs["xmlns"] === NS_STANZAS && each.name !== "text");
  const text = error?.getChildText("text", NS_STANZAS) ?? "";
  return {
    kind: "error",
    from: fromOf(stanza),
    condition: condition?.name ?? "undefined-condition",
    text,
    element: stanza,
  };
}

function decodePresence(stanza: Element): PresenceFact {
  const texts = stanza
    .getChildren("status")
    .map((each): [string, string] => [each.attrs["xml:lang"] ?? "", each.text()]);
  const show = SHOWS.find((each) => each === stanza.getChildText("show")?.trim()) ?? "available";
  return {
    kind: "presence",
    from: fromOf(stanza),
    show: stanza.attrs["type"] === "unavailable" ? "offline" : show,
    status: texts[0]?.[1] ?? "",
    statuses: Object.fromEntries(texts),
    priority: Number(stanza.getChildText("priority") ?? 0),
    element: stanza,
  };
}

function decodeActivity(stanza: Element): ActivityFact | undefined {
  const items = stanza.getChild("event", NS_EVENT)?.getChild("items");
  if (items?.attrs["node"] !== NS_ACTIVITY) return undefined;
  const activity = items.getChild("item")?.getChild("activity", NS_ACTIVITY); // none in a retraction
  const general = activity?.getChildElements().find((each) => each.name !== "text");
  return {
    kind: "activity",
    from: fromOf(stanza).replace(/\/.*/s, ""),
    general: general?.name ?? "",
    specific: general?.getChildElements()[0]?.name ?? "",
    text: activity?.getChildText("text") ?? "",
    element: stanza,
  };
}

const decodeMessage = (stanza: Element): MessageFact => ({
  kind: "message",
  from: fromOf(stanza),
  body: stanza.getChildText("body") ?? "",
  element: stanza,
});

const fromOf = (stanza: Element): string => String(stanza.attrs["from"] ?? "");
