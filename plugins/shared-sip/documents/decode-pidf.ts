import type { ClientPresence } from "../../../src/core/presence.ts";
import { normalizeStateText } from "../../../src/core/texts.ts";
import { cutText } from "../../../src/lib/cut-text.ts";
import { ownText } from "../../../src/lib/own-text.ts";
import { type Instant, parseInstant } from "../../../src/lib/time.ts";
import { elementsOf, findChild, textOf, type XmlElement } from "../../../src/ports/xml-element.ts";
import { isClaimedActivity, showOfActivities, showOfText, xmppPriority } from "./map-presence.ts";
import { NS_DATA_MODEL, NS_PIDF, NS_RPID, NS_XMPP_CLIENT, OWN_PERSON, OWN_TUPLE } from "./namespaces.ts";
import { readDocument } from "./read-document.ts";

/** What one phone says. */
type HeardPhone = Pick<ClientPresence, "resource" | "show" | "priority" | "status" | "idleSince">;

/** What a presence document says beside what the gateway itself has published. */
export interface HeardDocument {
  /** The tuples that are open, by their ids. */
  readonly phones: readonly HeardPhone[];
  readonly isOnThePhone: boolean;
  /** Somebody else than the gateway says "in a meeting"; what the phones say here is without it. */
  readonly hasClaim: boolean;
}

/** What reading depends on. */
export interface PidfTerms {
  /** Normalised texts that only the gateway may show. */
  readonly reservedTexts: ReadonlySet<string>;
  /** Activities count from their `from` until their `until` (RFC 4480 3.1). */
  readonly now: Instant;
}

const MOST_PHONES = 20;
const LONGEST_ID = 60;
/** At most three bytes each: 1,024 bytes are what the XMPP server's module takes as one status. */
const LONGEST_NOTE = 300;
const MOST_LANGUAGES = 10;
/** BCP 47, loosely. */
const LANGUAGE = /^[A-Za-z][A-Za-z0-9-]{0,34}$/;

/** Nothing: an empty NOTIFY, or a document in which nobody but the gateway says anything. */
export const NOTHING_HEARD: HeardDocument = { phones: [], isOnThePhone: false, hasClaim: false };

interface Said {
  readonly activities: ReadonlySet<string>;
  readonly notes: Readonly<Record<string, string>>;
  readonly idleSince: Instant | undefined;
  readonly hasClaim: boolean;
}

/**
 * Reads the presence of a user's phones out of a composed document (RFC 3863, RFC 4479, RFC 4480). The gateway's own
 * tuple and person are left out: what it says is never an input. Throws GatewayError `sip-bad-document`. Pure.
 */
export function decodePidf(text: string, terms: PidfTerms): HeardDocument {
  const root = readDocument(text, "presence", NS_PIDF);
  const language = root.attributes["xml:lang"] ?? "";
  const children = elementsOf(root);
  const tuples = children.filter((child) => isNamed(child, "tuple", NS_PIDF) && child.attributes["id"] !== OWN_TUPLE);
  const persons = children.filter(
    (each) => isNamed(each, "person", NS_DATA_MODEL) && each.attributes["id"] !== OWN_PERSON,
  );
  const said = persons.map((person) => readSaid(person, NS_DATA_MODEL, language, terms));
  const heard = tuples.map((tuple) => ({ tuple, own: readSaid(tuple, NS_PIDF, language, terms) }));
  const all = [...said, ...heard.map(({ own }) => own)];
  const phones = new Map<string, HeardPhone>();
  for (const { tuple, own } of heard) {
    const phone = isOpen(tuple) ? readPhone(tuple, [own, ...said]) : undefined;
    if (phone && (phones.size < MOST_PHONES || phones.has(phone.resource))) phones.set(phone.resource, phone);
  }
  return {
    phones: [...phones.values()],
    isOnThePhone: all.some(({ activities }) => activities.has("on-the-phone")),
    hasClaim: all.some(({ hasClaim }) => hasClaim),
  };
}

const isNamed = (element: XmlElement, name: string, namespace: string): boolean =>
  element.name === name && element.namespace === namespace;

/** `unknown` (baresip) and the like are no statement: neither there nor gone, so nothing. */
function isOpen(tuple: XmlElement): boolean {
  const status = findChild(tuple, "status", NS_PIDF);
  const basic = status && findChild(status, "basic", NS_PIDF);
  return basic !== undefined && textOf(basic).trim().toLowerCase() === "open";
}

/** @param said what the tuple itself says first, then what the persons say */
function readPhone(tuple: XmlElement, said: readonly Said[]): HeardPhone {
  const contact = findChild(tuple, "contact", NS_PIDF);
  const activities = said.find((each) => each.activities.size > 0)?.activities ?? [];
  const idleSince = said.find((each) => each.idleSince !== undefined)?.idleSince;
  return {
    resource: `sip:${ownText((tuple.attributes["id"] ?? "").slice(0, LONGEST_ID))}`,
    show: readShow(tuple) ?? showOfActivities(activities) ?? "available",
    priority: xmppPriority(contact?.attributes["priority"]?.trim() ?? ""),
    status: said.find(({ notes }) => Object.keys(notes).length > 0)?.notes ?? {},
    ...(idleSince !== undefined && { idleSince }),
  };
}

/** RFC 8048 6.3 note 3. */
function readShow(tuple: XmlElement): ClientPresence["show"] | undefined {
  const status = findChild(tuple, "status", NS_PIDF);
  const show = status && findChild(status, "show", NS_XMPP_CLIENT);
  return show && showOfText(textOf(show).trim());
}

/** The activities and notes of a tuple or a person; some phones put activities into the tuple or its status. */
function readSaid(element: XmlElement, namespace: string, language: string, terms: PidfTerms): Said {
  const status = findChild(element, "status", NS_PIDF);
  const all = [element, ...(status ? [status] : [])]
    .flatMap(elementsOf)
    .filter((child) => isNamed(child, "activities", NS_RPID) && isInForce(child, terms.now));
  const names = new Set(
    all
      .flatMap(elementsOf)
      .filter((each) => each.namespace === NS_RPID && each.name !== "note")
      .map(({ name }) => name),
  );
  const inherited = element.attributes["xml:lang"] ?? language;
  const notes = elementsOf(element).filter((child) => isNamed(child, "note", namespace));
  const { kept, hasClaim } = readNotes(notes, inherited, terms.reservedTexts);
  const activities = new Set([...names].filter((name) => !isClaimedActivity(name)));
  const idleSince = readIdle(element, terms.now);
  return { activities, notes: kept, idleSince, hasClaim: hasClaim || activities.size < names.size };
}

/** RFC 4480 3.11; a time that has not come yet says nothing. */
function readIdle(element: XmlElement, now: Instant): Instant | undefined {
  const input = findChild(element, "user-input", NS_RPID);
  const since =
    input && textOf(input).trim() === "idle" ? parseInstant(input.attributes["last-input"] ?? "") : undefined;
  return since !== undefined && since <= now ? since : undefined;
}

function isInForce({ attributes }: XmlElement, now: Instant): boolean {
  const from = parseInstant(attributes["from"] ?? "");
  const until = parseInstant(attributes["until"] ?? "");
  return (from === undefined || from <= now) && (until === undefined || now < until);
}

function readNotes(
  notes: readonly XmlElement[],
  inherited: string,
  reserved: ReadonlySet<string>,
): { readonly kept: Readonly<Record<string, string>>; readonly hasClaim: boolean } {
  const kept = new Map<string, string>();
  let hasClaim = false;
  for (const note of notes) {
    const text = cutText(textOf(note).trim(), LONGEST_NOTE);
    const isClaim = reserved.has(normalizeStateText(text));
    hasClaim ||= isClaim;
    const tag = (note.attributes["xml:lang"] ?? inherited).toLowerCase();
    const language = LANGUAGE.test(tag) ? tag : "";
    if (text !== "" && !isClaim && kept.size < MOST_LANGUAGES && !kept.has(language))
      kept.set(ownText(language), ownText(text));
  }
  return { kept: Object.fromEntries(kept), hasClaim };
}
