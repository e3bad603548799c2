import type { SipAor } from "../../../src/core/addresses.ts";
import type { PresenceDocument } from "../../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { matchLanguage, matchTag, stateText } from "../../../src/core/texts.ts";
import { cutText } from "../../../src/lib/cut-text.ts";
import { formatInstant } from "../../../src/lib/time.ts";
import { escapeXml } from "../../../src/lib/xml.ts";
import type { Publication } from "../../../src/ports/presence-publisher.ts";
import { activitiesOf, contactPriority } from "./map-presence.ts";
import { NS_DATA_MODEL, NS_PIDF, NS_RPID, NS_XMPP_CLIENT, OWN_PERSON, OWN_TUPLE } from "./namespaces.ts";

/** Characters of one note that are sent: a note in tuple and person, each at most six bytes a character, stays in bounds. */
const LONGEST_NOTE = 500;
const MOST_NOTES = 5;
/** BCP 47, loosely, as xs:language has it. */
const LANGUAGE = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;

// baresip and FreeSWITCH compare names by text, prefix and all: `dm:` and `rpid:` are literal, tags close themselves.
const HEAD = `<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="${NS_PIDF}" xmlns:dm="${NS_DATA_MODEL}" xmlns:rpid="${NS_RPID}" entity="`;

/**
 * The publication as PIDF (RFC 3863) with one tuple and one person (RFC 4479, RFC 4480), whose ids are always the same:
 * presence servers merge by them. A state that is over is a neutral document. Pure; the text is valid XML whatever the
 * notes hold.
 */
export function encodePidf({ document, locale }: Publication, aor: SipAor): string {
  const entity = escapeXml(aor);
  const notes = notesOf(document, locale);
  const { show } = document;
  const basic = show === "unavailable" ? "closed" : "open";
  // RFC 8048 6.2 note 7.
  const shown = show === "unavailable" || show === "available" ? "" : `<show xmlns="${NS_XMPP_CLIENT}">${show}</show>`;
  return (
    `${HEAD}${entity}"><tuple id="${OWN_TUPLE}"><status><basic>${basic}</basic>${shown}</status>` +
    `<contact${encodePriority(document)}>${entity}</contact>${encodeNotes(notes, "note")}</tuple>` +
    `<dm:person id="${OWN_PERSON}">${encodeActivities(document)}${encodeIdle(document)}${encodeNotes(notes, "dm:note")}</dm:person></presence>\n`
  );
}

function encodePriority({ show, priority }: PresenceDocument): string {
  const value = show === "unavailable" || priority === undefined ? undefined : contactPriority(priority);
  return value === undefined ? "" : ` priority="${value}"`;
}

/** RFC 4480 3.2: all in one element, since the ranges of several should not overlap; 3.1: absolute times. */
function encodeActivities(document: PresenceDocument): string {
  const names = activitiesOf(document);
  if (names.length === 0) return "";
  const from = document.from === undefined ? "" : ` from="${formatInstant(document.from)}"`;
  const until = document.until === undefined ? "" : ` until="${formatInstant(document.until)}"`;
  return `<rpid:activities${from}${until}>${names.map((name) => `<rpid:${name}/>`).join("")}</rpid:activities>`;
}

/** RFC 4480 3.11. */
const encodeIdle = ({ show, idleSince }: PresenceDocument): string =>
  show === "unavailable" || idleSince === undefined
    ? ""
    : `<rpid:user-input last-input="${formatInstant(idleSince)}">idle</rpid:user-input>`;

type Note = readonly [language: string, text: string];

/** The gateway's own text, else the client's; the one in the user's language first, since some peers read only that. */
function notesOf({ text, note, show }: PresenceDocument, locale: string): readonly Note[] {
  if (text) return [[matchLanguage(TEXT_CATALOGUE, locale), stateText(TEXT_CATALOGUE, text, locale)]];
  if (!note || show === "unavailable") return [];
  const notes = Object.entries(note);
  if (notes.length < 2) return notes;
  const first = matchTag(Object.keys(note), locale) ?? "";
  return [...notes.filter(([tag]) => tag === first), ...notes.filter(([tag]) => tag !== first)].slice(0, MOST_NOTES);
}

const encodeNotes = (notes: readonly Note[], name: "note" | "dm:note"): string =>
  notes.map(([tag, text]) => `<${name}${languageOf(tag)}>${escapeXml(oneLine(text))}</${name}>`).join("");

const languageOf = (tag: string): string => (LANGUAGE.test(tag) ? ` xml:lang="${tag}"` : "");

/** Phones draw one line. */
const oneLine = (text: string): string =>
  cutText(text, LONGEST_NOTE)
    .replace(/[\r\n\t\u0085\u2028\u2029]+/g, " ")
    .trim();
