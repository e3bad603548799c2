/** Thrown for bytes that are no LDAP message that a server may send to us. */
export class LdapSyntaxError extends Error {
  override readonly name = "LdapSyntaxError";
}

/** One value of BER (X.690 8.1): where its content begins and ends. */
interface Tlv {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const ENUMERATED = 0x0a;
const SEQUENCE = 0x30;
const SET = 0x31;
const CONTROLS = 0xa0;
/** RFC 4511 4.1.9: referral, serverSaslCreds, responseName and responseValue. */
const REFERRAL = 0xa3;
const MORE_OF_RESULTS: readonly number[] = [0x87, 0x8a, 0x8b];

/** RFC 2696: the control's OID. */
const PAGED_RESULTS = "1.2.840.113556.1.4.319";

/** The whole length of the message that begins here, head included; undefined while too little of it has come. */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length > 0 && bytes[0] !== SEQUENCE) throw new LdapSyntaxError("no message begins here");
  const first = bytes[1];
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  if (octets < 1 || octets > 4) throw new LdapSyntaxError("a length of no use");
  return bytes.length < 2 + octets ? undefined : 2 + octets + bytes.readUIntBE(2, octets);
}

/**
 * Checks that a message is a result of RFC 4511 4 from its first to its last byte. The library's reader trusts lengths: one
 * that is wrong lets it read for ever. Says whether the message announces another page (RFC 2696), which the library
 * forgets when the page has no entries: people on later pages would seem to have left.
 */
export function checkMessage(bytes: Buffer): { readonly hasNextPage: boolean } {
  const message = readTlv(bytes, 0, bytes.length);
  expectTag(message, SEQUENCE);
  if (message.end !== bytes.length) throw new LdapSyntaxError("there is more than a message");
  const [id, operation, controls, ...others] = children(bytes, message);
  expectTag(id, INTEGER);
  if (!operation || others.length > 0) throw new LdapSyntaxError("a message without operation");
  checkOperation(bytes, operation);
  return { hasNextPage: controls !== undefined && checkControls(bytes, controls) };
}

/** The value that begins here; never beyond the limit. */
function readTlv(bytes: Buffer, at: number, limit: number): Tlv {
  const [tag = 0, first = 0] = [bytes[at], bytes[at + 1]];
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + octets;
  if (start > limit || octets > 4 || first === 0x80) throw new LdapSyntaxError("a broken value");
  const end = start + (octets === 0 ? first : bytes.readUIntBE(at + 2, octets));
  if (end > limit) throw new LdapSyntaxError("a value that is longer than what it is in");
  return { tag, start, end };
}

function children(bytes: Buffer, { start, end }: Tlv): readonly Tlv[] {
  const found: Tlv[] = [];
  for (let at = start; at < end; ) {
    const child = readTlv(bytes, at, end);
    found.push(child);
    at = child.end;
  }
  return found;
}

function expectTag(value: Tlv | undefined, tag: number): void {
  if (value?.tag !== tag) throw new LdapSyntaxError(`another value than 0x${tag.toString(16)}`);
}

/** All within are values with this tag. */
function expectAll(bytes: Buffer, value: Tlv, tag: number): readonly Tlv[] {
  const within = children(bytes, value);
  for (const each of within) expectTag(each, tag);
  return within;
}

function checkOperation(bytes: Buffer, operation: Tlv): void {
  switch (operation.tag) {
    case 0x64: // searchResEntry
      checkEntry(bytes, children(bytes, operation));
      return;
    case 0x73: // searchResRef
      expectAll(bytes, operation, OCTET_STRING);
      return;
    case 0x61: // bindResponse
    case 0x65: // searchResDone
    case 0x78: // extendedResp
      checkResult(bytes, children(bytes, operation));
      return;
    default:
      throw new LdapSyntaxError("an operation that is no answer");
  }
}

/** RFC 4511 4.5.2. */
function checkEntry(bytes: Buffer, [name, attributes, ...others]: readonly Tlv[]): void {
  expectTag(name, OCTET_STRING);
  if (!attributes || others.length > 0) throw new LdapSyntaxError("an entry without attributes");
  expectTag(attributes, SEQUENCE);
  for (const attribute of expectAll(bytes, attributes, SEQUENCE)) {
    const [type, values, ...more] = children(bytes, attribute);
    expectTag(type, OCTET_STRING);
    if (!values || more.length > 0) throw new LdapSyntaxError("an attribute without values");
    expectTag(values, SET);
    expectAll(bytes, values, OCTET_STRING);
  }
}

/** RFC 4511 4.1.9, 4.2.2, 4.12. */
function checkResult(bytes: Buffer, [code, dn, text, ...others]: readonly Tlv[]): void {
  expectTag(code, ENUMERATED);
  expectTag(dn, OCTET_STRING);
  expectTag(text, OCTET_STRING);
  if (code && code.end - code.start !== 1) throw new LdapSyntaxError("a result code that there is not");
  for (const other of others) {
    if (other.tag === REFERRAL) expectAll(bytes, other, OCTET_STRING);
    else if (!MORE_OF_RESULTS.includes(other.tag)) throw new LdapSyntaxError("a result with something strange in it");
  }
}

/** RFC 4511 4.1.11. */
function checkControls(bytes: Buffer, controls: Tlv): boolean {
  expectTag(controls, CONTROLS);
  let hasNextPage = false;
  for (const control of expectAll(bytes, controls, SEQUENCE)) {
    const [type, ...others] = children(bytes, control);
    expectTag(type, OCTET_STRING);
    const isPaging = type !== undefined && bytes.toString("latin1", type.start, type.end) === PAGED_RESULTS;
    const value = others.at(-1);
    if (isPaging && value?.tag === OCTET_STRING) hasNextPage ||= hasCookie(bytes, value);
  }
  return hasNextPage;
}

function hasCookie(bytes: Buffer, { start, end }: Tlv): boolean {
  const value = readTlv(bytes, start, end);
  expectTag(value, SEQUENCE);
  const [size, cookie, ...others] = children(bytes, value);
  expectTag(size, INTEGER);
  expectTag(cookie, OCTET_STRING);
  if (!cookie || others.length > 0) throw new LdapSyntaxError("paging with something strange in it");
  return cookie.end > cookie.start;
}
