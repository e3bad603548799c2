import { createHash } from "node:crypto";

/** MD5 of the gss_channel_bindings for the server's certificate, as MsvAvChannelBindings carries it (MS-NLMP 2.2.2.1). */
export function channelBindingOf(certificate: Buffer): Buffer | undefined {
  const hash = hashOf(certificate);
  if (hash === undefined) return undefined;
  const digest = createHash(hash).update(certificate).digest();
  const data = Buffer.concat([Buffer.from("tls-server-end-point:"), digest]);
  // RFC 2744 3.11: both addresses are of type 0 and empty; then the length of the application data.
  const head = Buffer.alloc(20);
  head.writeUInt32LE(data.length, 16);
  return createHash("md5").update(head).update(data).digest();
}

// The last byte of 2.16.840.1.101.3.4.2.x (RFC 5754), which names the hash in RSASSA-PSS parameters.
const SHA2 = Buffer.from("608648016503040200", "hex").subarray(0, 8);
const SHA2_HASHES: ReadonlyMap<number, string> = new Map([
  [1, "sha256"],
  [2, "sha384"],
  [3, "sha512"],
  [4, "sha224"],
]);
/** Signature algorithms by object identifier (DER content); MD5 and SHA-1 count as SHA-256 (RFC 5929 4.1). */
const SIGNATURE_HASHES: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d010104", "sha256"], // md5WithRSAEncryption
  ["2a864886f70d010105", "sha256"], // sha1WithRSAEncryption
  ["2a864886f70d01010e", "sha224"],
  ["2a864886f70d01010b", "sha256"],
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  ["2a8648ce3d0401", "sha256"], // ecdsa-with-SHA1
  ["2a8648ce3d040301", "sha224"],
  ["2a8648ce3d040302", "sha256"],
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
]);
const RSASSA_PSS = "2a864886f70d01010a";

/** The hash of the certificate's signature; undefined where RFC 5929 leaves it undefined (Ed25519 and its like). */
function hashOf(certificate: Buffer): string | undefined {
  const algorithm = signatureAlgorithm(certificate);
  const identifier = algorithm && contentAt(algorithm, 0);
  if (!algorithm || !identifier) return undefined;
  const name = identifier.toString("hex");
  if (name !== RSASSA_PSS) return SIGNATURE_HASHES.get(name);
  const at = algorithm.indexOf(SHA2);
  return at < 0 ? "sha256" : SHA2_HASHES.get(algorithm[at + SHA2.length] ?? 0); // without parameters it is SHA-1
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280 4.1). */
function signatureAlgorithm(certificate: Buffer): Buffer | undefined {
  const outer = contentAt(certificate, 0);
  const signed = outer && elementAt(outer, 0);
  return outer && signed && contentAt(outer, signed.end);
}

const contentAt = (bytes: Buffer, offset: number): Buffer | undefined => {
  const element = elementAt(bytes, offset);
  return element && bytes.subarray(element.start, element.end);
};

/** Where the content of the DER element at the offset lies; undefined when it reaches beyond the bytes. */
function elementAt(bytes: Buffer, offset: number): { readonly start: number; readonly end: number } | undefined {
  const first = bytes[offset + 1] ?? 0;
  const lengthBytes = first < 128 ? 0 : first & 127;
  const start = offset + 2 + lengthBytes;
  if (lengthBytes > 4 || start > bytes.length) return undefined;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(offset + 2, lengthBytes);
  return start + length > bytes.length ? undefined : { start, end: start + length };
}
