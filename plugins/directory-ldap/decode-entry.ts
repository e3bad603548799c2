import type { Entry } from "ldapts";
import {
  AddressError,
  type Mailbox,
  type PresentityId,
  parseMailbox,
  parsePresentityId,
} from "../../src/core/addresses.ts";
import type { DirectoryEntry } from "../../src/ports/directory-source.ts";
import { parsePreferredLanguage } from "./preferred-language.ts";
import type { ValuePattern } from "./value-pattern.ts";

/** From which attributes what is known of a person is made. */
export interface EntryMapping {
  /** The attribute that never changes: entryUUID (RFC 4530), objectGUID (MS-ADA3). */
  readonly key: string;
  readonly jid: ValuePattern;
  readonly mailbox: ValuePattern;
  readonly principal: ValuePattern | undefined;
  readonly language: ValuePattern;
}

/** The first value of an attribute, whatever the case of its name (RFC 4512 2.5); bytes as hexadecimal digits. */
export function firstValue(entry: Entry, attribute: string): string | undefined {
  const wanted = attribute.toLowerCase();
  const name = attribute in entry ? attribute : Object.keys(entry).find((each) => each.toLowerCase() === wanted);
  const value = name === undefined || name === "dn" ? undefined : entry[name];
  const first = Array.isArray(value) ? value[0] : value;
  return Buffer.isBuffer(first) ? first.toString("hex") : first;
}

/** All values of an attribute that are texts. */
export function valuesOf(entry: Entry, attribute: string): readonly string[] {
  const wanted = attribute.toLowerCase();
  const values = Object.keys(entry).flatMap((name) => (name.toLowerCase() === wanted ? [entry[name]].flat() : []));
  return values.filter((value) => typeof value === "string");
}

/** A person, without the template that is for them; undefined when the key may not be read. */
export function decodeEntry(entry: Entry, mapping: EntryMapping): DirectoryEntry | undefined {
  const read = (attribute: string): string | undefined => firstValue(entry, attribute);
  const key = read(mapping.key);
  if (key === undefined || key === "") return undefined;
  const jid = parseWith(parsePresentityId, mapping.jid.fill(read)?.trim(), "JID");
  const mailbox = parseWith(parseMailbox, mapping.mailbox.fill(read), "mailbox");
  const principal = mapping.principal?.fill(read)?.toLowerCase();
  const language = parsePreferredLanguage(mapping.language.fill(read) ?? "");
  const problem = jid.problem ?? mailbox.problem;
  return {
    key,
    name: entry.dn,
    ...(jid.value !== undefined && { presentity: jid.value }),
    ...(mailbox.value !== undefined && { mailbox: mailbox.value }),
    ...(principal !== undefined && { principal }),
    ...(language !== undefined && { language }),
    ...(problem !== undefined && { problem }),
  };
}

interface Parsed<Address> {
  readonly value?: Address;
  readonly problem?: string;
}

function parseWith<Address extends PresentityId | Mailbox>(
  parse: (text: string) => Address,
  text: string | undefined,
  what: string,
): Parsed<Address> {
  if (text === undefined) return { problem: `has no ${what}: an attribute is missing` };
  try {
    return { value: parse(text) };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return { problem: error.message };
  }
}
