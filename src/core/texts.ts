import type { ClientPresence, TextKey } from "./presence.ts";

/** The gateway's state texts of one language. */
export type StateTexts = Readonly<Record<TextKey, string>>;

/** State texts by BCP 47 language tag; `en` is always there. */
export type TextCatalogue = Readonly<Record<string, StateTexts>> & { readonly en: StateTexts };

const LOOK_ALIKE_LETTERS = "авеіјкмнорсѕтухԁɡոѵԛԝ" + "αεικμνορτυχηγςı" + "ᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢ" + "103457";
const WHAT_THEY_LOOK_LIKE = "abeijkmhopcstyxdgnvqw" + "aeikmvoptuxnyσi" + "abcdeghijklmnoprtuvwyz" + "ioeast";

/** Letters of other scripts, small capitals and digits that look like plain Latin letters, so that a Cyrillic "а" does not hide a claim. */
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  [...LOOK_ALIKE_LETTERS].map((letter, index) => [letter, WHAT_THEY_LOOK_LIKE[index] ?? letter]),
);

/** Marks on letters, what is not drawn at all (control characters, joiners, variation selectors, fillers), Arabic stretching. */
const UNSEEN = /[\p{M}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u0640]|[^\P{Cc}\s]/gu;

/**
 * The form in which status texts are compared: compatibility forms and accents taken off, lower case, nothing but letters
 * and digits, look-alike letters folded. The server module compares in the same manner.
 */
export function normalizeStateText(text: string): string {
  const letters = text.normalize("NFKD").toLowerCase().normalize("NFKD").replace(UNSEEN, "");
  const words = letters.replace(/[^\p{L}\p{N}]+/gu, "");
  return [...words].map((letter) => LOOK_ALIKES.get(letter) ?? letter).join("");
}

/** Every text of the catalogue that only the gateway may show, normalised. */
export const reservedTexts = (catalogue: TextCatalogue): ReadonlySet<string> =>
  new Set(Object.values(catalogue).map((texts) => normalizeStateText(texts["in-a-meeting"])));

/** The client's presence without status texts that claim a meeting; the same object when there is none. */
export function withoutReservedTexts(client: ClientPresence, reserved: ReadonlySet<string>): ClientPresence {
  const entries = Object.entries(client.status);
  const allowed = entries.filter(([, text]) => !reserved.has(normalizeStateText(text)));
  return allowed.length === entries.length ? client : { ...client, status: Object.fromEntries(allowed) };
}

/** The catalogue's tag for a wanted language; `en` where it has none. */
export const matchLanguage = (catalogue: TextCatalogue, tag: string): string =>
  Object.hasOwn(catalogue, tag) ? tag : (matchTag(Object.keys(catalogue), tag) ?? "en");

/** Which of the tags fits a wanted language: the same, else with subtags dropped from the end (RFC 4647 3.4). */
export function matchTag(tags: readonly string[], tag: string): string | undefined {
  const subtags = tag.slice(0, LONGEST_TAG).toLowerCase().replaceAll("_", "-").split("-");
  for (let count = subtags.length; count > 0; count--) {
    const wanted = subtags.slice(0, count).join("-");
    const sought = [wanted, MEANT.get(wanted) ?? wanted];
    const found =
      findFirst(sought, (each) => tags.find((known) => known.toLowerCase() === each)) ??
      findFirst(sought, (each) => tags.find((known) => known.toLowerCase().startsWith(`${each}-`)));
    if (found !== undefined) return found;
  }
  return undefined;
}

const findFirst = (sought: readonly string[], find: (each: string) => string | undefined): string | undefined =>
  sought.map(find).find((found) => found !== undefined);

/** RFC 5646 4.4.1: room for the longest sensible tag. */
const LONGEST_TAG = 35;

/** Regions that imply a script (CLDR likely subtags), and other names of a language. */
const MEANT: ReadonlyMap<string, string> = new Map([
  ["zh", "zh-hans"],
  ["zh-cn", "zh-hans"],
  ["zh-sg", "zh-hans"],
  ["zh-tw", "zh-hant"],
  ["zh-hk", "zh-hant"],
  ["zh-mo", "zh-hant"],
  ["no", "nb"],
  ["nn", "nb"],
  ["iw", "he"],
]);

/** The gateway's text in the user's language. */
export const stateText = (catalogue: TextCatalogue, key: TextKey, tag: string): string =>
  (catalogue[matchLanguage(catalogue, tag)] ?? catalogue.en)[key];
