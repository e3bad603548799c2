/** Addresses of people and servers. `parseX` is the only way to make one, so whoever holds one holds a valid one. */

declare const brand: unique symbol;

/** A mailbox's SMTP address, lower case (RFC 5321 4.1.2; Exchange compares without case). */
export type Mailbox = string & { readonly [brand]: "mailbox" };

/** `local@domain` or `domain`, prepared for exact comparison (RFC 7622). */
export type BareJid = string & { readonly [brand]: "bare-jid" };

/** A SIP address of record, `sip:alice@example.com` or `sips:…`, without parameters (RFC 3261 10). */
export type SipAor = string & { readonly [brand]: "aor" };

/** Names the presentity whose presence is kept (RFC 2778): its bare JID, always with a local part. */
export type PresentityId = BareJid & { readonly presentity: true };

/** Thrown by every `parseX` of this file; `message` is fit for an administrator. */
export class AddressError extends Error {
  override readonly name = "AddressError";
}

/** RFC 7622 3.3.1: excluded from the local part beyond what PRECIS excludes, plus white space and controls. */
const LOCAL_PART = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Z}"&'/:<>@]+$/u;
const DOMAIN_LABEL = /^[\p{L}\p{N}\p{M}](?:[\p{L}\p{N}\p{M}_-]*[\p{L}\p{N}\p{M}])?$/u;
/** Nearly all JIDs are written so that there is nothing to prepare: to know that takes a tenth of the time. */
const PLAIN_JID = /^[a-z0-9._-]+@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const LONGEST_PART = 1023;
const LONGEST_JID = 2 * LONGEST_PART + 1;

const utf8Length = (text: string): number => {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
};

/** RFC 7622 3.3: lower case, then composed again, since some small letters have a composed form that their capital lacks. */
const prepare = (text: string): string => text.normalize("NFKC").toLowerCase().normalize("NFKC");

function parseDomain(text: string): string | undefined {
  if (text.length > LONGEST_PART) return undefined;
  const domain = prepare(text).replace(/\.$/, "");
  if (/^\[[0-9a-f:.]+\]$/.test(domain)) return domain;
  const isWellFormed =
    domain.length > 0 && domain.length <= 253 && domain.split(".").every((l) => DOMAIN_LABEL.test(l));
  return isWellFormed ? domain : undefined;
}

/** What is not seen, or turns the text around, is written out: people must see what is wrong. */
const quote = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(
    /[\p{Cf}\p{Co}\p{Cn}\u00a0\u2000-\u200a\u2028\u2029\u202f\u3000]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );

/** Reads `local@domain` or `domain`; refuses a resource. Lower-cased and NFKC-normalised (RFC 7622 3.2, 3.3). */
export function parseBareJid(text: string): BareJid {
  if (text.length <= 253 && PLAIN_JID.test(text)) return text as BareJid;
  const at = text.indexOf("@");
  const domain = parseDomain(text.slice(at + 1));
  if (domain === undefined || text.length > LONGEST_JID)
    throw new AddressError(`${quote(text)} is not a JID (local@domain)`);
  if (at < 0) return domain as BareJid;
  const local = prepare(text.slice(0, at));
  if (!LOCAL_PART.test(local) || utf8Length(local) > LONGEST_PART) {
    throw new AddressError(
      `${quote(text)} is not a JID: its local part is empty or has a character that is not allowed`,
    );
  }
  return `${local}@${domain}` as BareJid;
}

/** True for the bare JID of a person. */
export const isPresentityId = (jid: BareJid): jid is PresentityId => jid.includes("@");

/** Reads the bare JID of a person: one that has a local part. */
export function parsePresentityId(text: string): PresentityId {
  const jid = parseBareJid(text);
  if (!jid.includes("@")) throw new AddressError(`${quote(text)} is no user's JID such as alice@example.com`);
  return jid as PresentityId;
}

/** The bare JID of a full or bare JID as it stands in a stanza's `from`; the resource is not checked. */
export function bareJidOf(text: string): BareJid {
  const slash = text.indexOf("/");
  return parseBareJid(slash < 0 ? text : text.slice(0, slash));
}

/** The resource of a full JID; empty for a bare one. */
export function resourceOf(text: string): string {
  const slash = text.indexOf("/");
  return slash < 0 ? "" : text.slice(slash + 1);
}

/** The domain of a JID. */
export const domainOf = (jid: BareJid): BareJid => jid.slice(jid.indexOf("@") + 1) as BareJid;

/** Reads an SMTP address; lower case. */
export function parseMailbox(text: string): Mailbox {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf("@");
  const local = trimmed.slice(0, Math.max(at, 0)).toLowerCase();
  const domain = parseDomain(trimmed.slice(at + 1));
  const isWellFormed = at > 0 && local.length <= 64 && !/[\s\p{Cc}\p{Cs}<>"(),:;\\[\]@]/u.test(local);
  if (!isWellFormed || domain === undefined) {
    throw new AddressError(`${quote(text)} is not an SMTP address such as alice@example.com`);
  }
  return `${local}@${domain}` as Mailbox;
}

/** RFC 3261 25.1 `user`, without `;` and `?`: servers disagree where those end a name. */
const SIP_USER = /^(?:[\w.!~*'()&=+$,/-]|%[0-9a-f]{2})+$/i;
const LONGEST_AOR = 255;

/** RFC 3261 19.1.4: an escaped character that needs no escape is the same as the character. Undefined: it must not stand there. */
function unescapeSipUser(user: string): string | undefined {
  if (!SIP_USER.test(user) || /%(?:[01][0-9a-f]|7f)/i.test(user)) return undefined;
  return user.replace(/%([0-9a-f]{2})/gi, (sequence, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return SIP_USER.test(character) ? character : sequence.toUpperCase();
  });
}

/**
 * Reads `sip:user@host[:port]` or `sips:…`, plain ASCII; parameters and headers are refused, an AOR has none. Equal
 * addresses become equal texts (RFC 3261 19.1.4), so that nothing in one can end a header of a message.
 */
export function parseSipAor(text: string): SipAor {
  const trimmed = text.trim();
  const match = /^(sips?):([^@]+)@(\[[0-9a-f:.]+\]|[^:;?\s@[\]]+)(?::(\d{1,5}))?$/i.exec(trimmed);
  const [, scheme = "", name = "", host = "", port] = match ?? [];
  const [user, domain] = [unescapeSipUser(name), parseDomain(host)];
  const isPort = port === undefined || (Number(port) > 0 && Number(port) <= 65_535);
  const isAscii = domain !== undefined && /^[\0-\x7f]*$/.test(domain);
  if (user === undefined || !isAscii || !isPort || trimmed.length > LONGEST_AOR)
    throw new AddressError(`${quote(text)} is not a SIP address such as sip:alice@example.com`);
  return `${scheme.toLowerCase()}:${user}@${domain}${port === undefined ? "" : `:${Number(port)}`}` as SipAor;
}

/** What tells AORs apart for servers: they keep one presentity for `sip:` and `sips:`, and some compare without case. */
export const sipKeyOf = (aor: SipAor): string => aor.slice(aor.indexOf(":") + 1).toLowerCase();
