import { AddressError, type BareJid, type PresentityId, parsePresentityId } from "../../src/core/addresses.ts";

/** XEP-0106 4.2: what may not stand in a local part; a backslash only where it would look like an escape. */
const DISALLOWED = /[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g;
const ESCAPED = /\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g;

/** XEP-0106 section 4.2. */
export const escapeLocalPart = (text: string): string =>
  text.replace(DISALLOWED, (character) => `\\${character.charCodeAt(0).toString(16)}`);

/** XEP-0106 section 4.3. */
export const unescapeLocalPart = (text: string): string =>
  text.replace(ESCAPED, (_sequence, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** The JID on the component that stands for the presentity: `alice\40example.com@calendar.example.com`. */
export const contactJidOf = (presentity: PresentityId, component: BareJid): string =>
  `${escapeLocalPart(presentity)}@${component}`;

/** For whom a contact JID stands, with a resource or without; `undefined` for every other address. */
export function presentityOfContact(to: string, component: BareJid): PresentityId | undefined {
  if (!isOfContacts(to, component)) return undefined;
  const bare = bareOf(to);
  const local = bare.slice(0, bare.indexOf("@"));
  const presentity = readPresentity(unescapeLocalPart(local));
  // One presentity has one contact JID: no other spelling of it.
  return presentity && escapeLocalPart(presentity) === local ? presentity : undefined;
}

/** True for addresses that look like contact JIDs, of somebody or of nobody: nothing else on the component has an escaped "@" in it. */
export function isOfContacts(to: string, component: BareJid): boolean {
  const bare = bareOf(to);
  const local = bare.slice(0, bare.indexOf("@"));
  return local.includes("\\40") && bare === `${local}@${component}`;
}

/**
 * The person in a stanza's `from`; `undefined` for a server, and for an address that was not prepared as RFC 7622 3.3
 * demands of servers: none may become another's by our own normalisation.
 */
export function watcherOf(from: string): PresentityId | undefined {
  const bare = bareOf(from);
  const watcher = readPresentity(bare);
  return watcher === bare.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) ? watcher : undefined;
}

/** Without the resource. */
export const bareOf = (jid: string): string => {
  const slash = jid.indexOf("/");
  return slash < 0 ? jid : jid.slice(0, slash);
};

/** `undefined` for what is no person's bare JID. */
export function readPresentity(text: string): PresentityId | undefined {
  try {
    return parsePresentityId(text);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
