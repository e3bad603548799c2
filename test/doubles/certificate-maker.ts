import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";

const { asn1 } = forge;
type Node = forge.asn1.Asn1;

const DAY = 86_400_000;
const OIDS = {
  commonName: "2.5.4.3",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extKeyUsage: "2.5.29.37",
  subjectAltName: "2.5.29.17",
  subjectKeyId: "2.5.29.14",
  authorityKeyId: "2.5.29.35",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
  caIssuers: "1.3.6.1.5.5.7.48.2",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  signedData: "1.2.840.113549.1.7.2",
  data: "1.2.840.113549.1.7.1",
} as const;
const SIGNATURES = {
  "ec sha256": "1.2.840.10045.4.3.2",
  "ec sha1": "1.2.840.10045.4.1",
  "rsa sha256": "1.2.840.113549.1.1.11",
  "rsa sha1": "1.2.840.113549.1.1.5",
  "rsa md5": "1.2.840.113549.1.1.4",
} as const;

/** What a certificate shall say; the rest is as a careful authority would make it. */
export interface CertificateSpec {
  readonly commonName?: string;
  /** Host names and addresses; without them there is no subjectAltName. */
  readonly names?: readonly string[] | undefined;
  readonly issuer?: MadeCertificate;
  readonly isAuthority?: boolean;
  readonly key?: KeyObject;
  readonly hash?: "sha256" | "sha1" | "md5";
  readonly usage?: "serverAuth" | "clientAuth";
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Where the issuer's certificate can be had. */
  readonly issuerUrl?: string;
  /** Spoils the signature. */
  readonly isForged?: boolean;
}

/** A certificate and its private key. */
export interface MadeCertificate {
  readonly pem: string;
  readonly der: Buffer;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly sha256: string;
  readonly commonName: string | undefined;
  readonly keyId: string;
}

/** A new key: P-256 unless an RSA length is given. */
export const makeKey = (rsaBits?: number): KeyObject =>
  rsaBits === undefined
    ? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    : generateKeyPairSync("rsa", { modulusLength: rsaBits }).privateKey;

/** Makes any certificate, also such as no careful authority would make; self-signed without an issuer. */
export function makeCertificate(spec: CertificateSpec = {}): MadeCertificate {
  const key = spec.key ?? makeKey();
  const signer = spec.issuer?.key ?? key;
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" }).toString("latin1");
  const keyId = createHash("sha1").update(publicKey, "latin1").digest().toString("latin1");
  const algorithm = signatureAlgorithm(signer, spec.hash ?? "sha256");
  const now = Date.now();
  const body = seq(
    context(0, [integer("\x02")]),
    integer(`\x01${randomBytes(15).toString("latin1")}`), // the leading 01 keeps it positive
    algorithm,
    nameOf(spec.issuer ? spec.issuer.commonName : spec.commonName),
    seq(time(spec.notBefore ?? new Date(now - DAY)), time(spec.notAfter ?? new Date(now + 300 * DAY))),
    nameOf(spec.commonName),
    asn1.fromDer(publicKey),
    context(3, [seq(...extensionsOf(spec, keyId, spec.issuer?.keyId ?? keyId))]),
  );
  const bytes = Buffer.from(toDer(body), "latin1");
  const signature = sign(spec.hash ?? "sha256", bytes, signer);
  if (spec.isForged) bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20); // within the serial number
  const der = Buffer.from(toDer(seq(asn1.fromDer(bytes.toString("latin1")), algorithm, bits(signature))), "latin1");
  return {
    pem: pemOf(der),
    der,
    key,
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    sha256: createHash("sha256").update(der).digest("hex"),
    commonName: spec.commonName,
    keyId,
  };
}

/** A root authority. */
export const makeRoot = (commonName = "Example Root", spec: CertificateSpec = {}): MadeCertificate =>
  makeCertificate({ commonName, isAuthority: true, ...spec });

/** PKCS#7 SignedData with certificates only, DER. */
export function makePkcs7(certificates: readonly MadeCertificate[]): Buffer {
  const list = certificates.map(({ der }) => asn1.fromDer(der.toString("latin1")));
  const signed = seq(integer("\x01"), set(), seq(oid(OIDS.data)), context(0, list), set());
  return Buffer.from(toDer(seq(oid(OIDS.signedData), context(0, [signed]))), "latin1");
}

const pemOf = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der
    .toString("base64")
    .replace(/.{64}/g, "$&\n")
    .trim()}\n-----END CERTIFICATE-----\n`;

function extensionsOf(spec: CertificateSpec, keyId: string, issuerKeyId: string): readonly Node[] {
  const { isAuthority = false, names, issuerUrl, usage = "serverAuth" } = spec;
  return [
    extension(OIDS.basicConstraints, seq(...(isAuthority ? [boolean()] : []))),
    // Bits from the left: digitalSignature and keyEncipherment, or keyCertSign and cRLSign.
    extension(OIDS.keyUsage, bits(Buffer.of(isAuthority ? 0x06 : 0xa0))),
    extension(OIDS.subjectKeyId, octets(keyId)),
    extension(OIDS.authorityKeyId, seq(primitive(0, issuerKeyId))),
    ...(isAuthority ? [] : [extension(OIDS.extKeyUsage, seq(oid(OIDS[usage])))]),
    ...(names ? [extension(OIDS.subjectAltName, seq(...names.map(generalName)))] : []),
    ...(issuerUrl === undefined
      ? []
      : [extension(OIDS.authorityInfoAccess, seq(seq(oid(OIDS.caIssuers), primitive(6, issuerUrl))))]),
  ];
}

const extension = (id: string, value: Node): Node => seq(oid(id), octets(toDer(value)));

const generalName = (name: string): Node => (isIP(name) === 0 ? primitive(2, name) : primitive(7, addressBytes(name)));

function addressBytes(address: string): string {
  if (isIP(address) === 4) return String.fromCharCode(...address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::").map((part) =>
    part
      .split(":")
      .map((each) => each.padStart(4, "0"))
      .join(""),
  );
  const hex = address.includes("::") ? head.replace(/^0000$/, "").padEnd(32 - tail.length, "0") + tail : head;
  return Buffer.from(hex, "hex").toString("latin1");
}

function signatureAlgorithm(signer: KeyObject, hash: string): Node {
  const name = `${signer.asymmetricKeyType} ${hash}`;
  const found = Object.entries(SIGNATURES).find(([each]) => each === name);
  if (!found) throw new Error(`no such signature: ${name}`);
  return signer.asymmetricKeyType === "rsa" ? seq(oid(found[1]), universal(asn1.Type.NULL, "")) : seq(oid(found[1]));
}

const nameOf = (commonName: string | undefined): Node =>
  commonName === undefined ? seq() : seq(set(seq(oid(OIDS.commonName), universal(asn1.Type.UTF8, utf8(commonName)))));

const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const toDer = (node: Node): string => asn1.toDer(node).getBytes();
const universal = (type: number, value: string): Node => asn1.create(asn1.Class.UNIVERSAL, type, false, value);
const constructed = (type: number, nodes: readonly Node[]): Node =>
  asn1.create(asn1.Class.UNIVERSAL, type, true, [...nodes]);
const seq = (...nodes: readonly Node[]): Node => constructed(asn1.Type.SEQUENCE, nodes);
const set = (...nodes: readonly Node[]): Node => constructed(asn1.Type.SET, nodes);
const context = (tag: number, nodes: readonly Node[]): Node =>
  asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, true, [...nodes]);
const primitive = (tag: number, value: string): Node => asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, false, value);
const oid = (text: string): Node => universal(asn1.Type.OID, asn1.oidToDer(text).getBytes());
const integer = (bytes: string): Node => universal(asn1.Type.INTEGER, bytes);
const octets = (bytes: string): Node => universal(asn1.Type.OCTETSTRING, bytes);
const bits = (bytes: Buffer): Node => universal(asn1.Type.BITSTRING, `\x00${bytes.toString("latin1")}`);
const boolean = (): Node => universal(asn1.Type.BOOLEAN, "\xff");
const time = (at: Date): Node =>
  at.getUTCFullYear() < 2050
    ? universal(asn1.Type.UTCTIME, asn1.dateToUtcTime(at))
    : universal(asn1.Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(at));
