import forge from "node-forge";

/** What node:crypto does not tell of a certificate (RFC 5280). */
export interface CertificateDetails {
  /** `SHA-1`, `MD5` or `MD2` where the signature rests on one of these. */
  readonly weakHash: string | undefined;
  readonly commonNames: readonly string[];
  readonly dnsNames: readonly string[];
  /** Canonical text. */
  readonly ipAddresses: readonly string[];
  /** Whether there is a subjectAltName, even without names of hosts. */
  readonly hasAltNames: boolean;
  /** Hexadecimal. */
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
}

type Node = forge.asn1.Asn1;

const COMMON_NAME = "2.5.4.3";
const SUBJECT_KEY_ID = "2.5.29.14";
const SUBJECT_ALT_NAME = "2.5.29.17";
const AUTHORITY_KEY_ID = "2.5.29.35";
const SIGNED_DATA = "1.2.840.113549.1.7.2";
const RSA_PSS = "1.2.840.113549.1.1.10";
const WEAK_SIGNATURES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.2", "MD2"],
  ["1.2.840.113549.1.1.4", "MD5"],
  ["1.2.840.113549.1.1.5", "SHA-1"],
  ["1.3.14.3.2.29", "SHA-1"],
  ["1.2.840.10040.4.3", "SHA-1"],
  ["1.2.840.10045.4.1", "SHA-1"],
]);
const WEAK_HASHES: ReadonlyMap<string, string> = new Map([
  ["1.3.14.3.2.26", "SHA-1"],
  ["1.2.840.113549.2.5", "MD5"],
]);
/** Context-specific tags of GeneralName (RFC 5280 4.2.1.6). */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

/** Reads the DER of a certificate. Throws for what is none. */
export function readDetails(der: Uint8Array): CertificateDetails {
  const [body, algorithm] = childrenOf(parseDer(der));
  const fields = childrenOf(body).filter(({ tagClass, type }) => !isContext({ tagClass, type }, 0));
  const extensions = readExtensions(childrenOf(body).find((field) => isContext(field, 3)));
  const altNames = extensions.get(SUBJECT_ALT_NAME);
  const generalNames = altNames ? childrenOf(parseText(altNames)) : [];
  const keyId = extensions.get(SUBJECT_KEY_ID);
  const authority = extensions.get(AUTHORITY_KEY_ID);
  return {
    weakHash: readWeakHash(algorithm),
    // serialNumber, signature, issuer, validity, subject
    commonNames: readCommonNames(fields[4]),
    dnsNames: generalNames.filter((name) => isContext(name, DNS_NAME)).map(textOf),
    ipAddresses: generalNames.filter((name) => isContext(name, IP_ADDRESS)).flatMap((name) => formatIp(textOf(name))),
    hasAltNames: altNames !== undefined,
    subjectKeyId: keyId === undefined ? undefined : toHex(textOf(parseText(keyId))),
    authorityKeyId: authority === undefined ? undefined : readKeyIdentifier(parseText(authority)),
  };
}

/** The DER of every certificate in a PKCS#7 SignedData (RFC 2315 9.1); `undefined` when the bytes are none. */
export function readPkcs7(der: Uint8Array): readonly Uint8Array[] | undefined {
  const [type, content] = childrenOf(parseDer(der));
  if (!type || readOid(type) !== SIGNED_DATA) return undefined;
  const certificates = childrenOf(childrenOf(content)[0]).find((each) => isContext(each, 0));
  return childrenOf(certificates).map((each) => Buffer.from(forge.asn1.toDer(each).getBytes(), "latin1"));
}

/** Strict, to the last byte, at most 256 levels deep. */
const parseText = (text: string): Node => forge.asn1.fromDer(text);

const parseDer = (der: Uint8Array): Node => parseText(Buffer.from(der).toString("latin1"));

const childrenOf = (node: Node | undefined): readonly Node[] => (Array.isArray(node?.value) ? node.value : []);

/** The bytes of a primitive value, one character a byte. */
const textOf = (node: Node | undefined): string => (typeof node?.value === "string" ? node.value : "");

const isContext = ({ tagClass, type }: Pick<Node, "tagClass" | "type">, tag: number): boolean =>
  tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && type === tag;

const isOid = ({ tagClass, type }: Node): boolean =>
  tagClass === forge.asn1.Class.UNIVERSAL && type === forge.asn1.Type.OID;

const readOid = (node: Node | undefined): string =>
  node && isOid(node) && textOf(node) !== "" ? forge.asn1.derToOid(textOf(node)) : "";

const toHex = (bytes: string): string => Buffer.from(bytes, "latin1").toString("hex");

function readExtensions(wrapper: Node | undefined): ReadonlyMap<string, string> {
  const extensions = childrenOf(childrenOf(wrapper)[0]);
  return new Map(extensions.map((each) => [readOid(childrenOf(each)[0]), textOf(childrenOf(each).at(-1))]));
}

function readWeakHash(algorithm: Node | undefined): string | undefined {
  const [oid, parameters] = childrenOf(algorithm);
  const name = readOid(oid);
  if (name !== RSA_PSS) return WEAK_SIGNATURES.get(name);
  // RFC 4055 3.1: without a hash algorithm it is SHA-1.
  const hash = childrenOf(parameters).find((each) => isContext(each, 0));
  return hash ? WEAK_HASHES.get(readOid(childrenOf(childrenOf(hash)[0])[0])) : "SHA-1";
}

function readCommonNames(subject: Node | undefined): readonly string[] {
  const attributes = childrenOf(subject).flatMap(childrenOf).map(childrenOf);
  return attributes.filter(([oid]) => readOid(oid) === COMMON_NAME).map(([, value]) => decodeString(value));
}

function decodeString(value: Node | undefined): string {
  const bytes = Buffer.from(textOf(value), "latin1");
  if (value?.type === forge.asn1.Type.UTF8) return bytes.toString("utf8");
  return value?.type === forge.asn1.Type.BMPSTRING ? decodeUtf16(bytes) : bytes.toString("latin1");
}

/** BMPString is big-endian; an odd last byte is left out. */
const decodeUtf16 = (bytes: Buffer): string =>
  bytes
    .subarray(0, bytes.length & ~1)
    .swap16()
    .toString("utf16le");

const readKeyIdentifier = (node: Node): string | undefined => {
  const id = childrenOf(node).find((each) => isContext(each, 0));
  return id ? toHex(textOf(id)) : undefined;
};

function formatIp(bytes: string): readonly string[] {
  const octets = [...Buffer.from(bytes, "latin1")];
  if (octets.length === 4) return [octets.join(".")];
  if (octets.length !== 16) return [];
  const groups = Array.from({ length: 8 }, (_, index) => toHex(bytes.slice(index * 2, index * 2 + 2)));
  return [new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1)];
}
