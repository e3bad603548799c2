import { X509Certificate } from "node:crypto";
import { instant } from "../../lib/time.ts";
import type { CertificateFacts } from "../../ports/trust-store.ts";
import { certificateError } from "./certificate-errors.ts";
import { readDetails, readPkcs7 } from "./read-der.ts";

const LARGEST_CERTIFICATE = 65_536; // bytes of DER
const LARGEST_PKCS7 = 1_048_576;
/** A chain has three or four; a PKCS#7 file of an authority perhaps a dozen. */
const MOST_CERTIFICATES = 32;

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----/g;
const PEM_LABELS: readonly string[] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7", "CMS"];

/**
 * Every certificate in a text (PEM, or the bare base64 of DER or PKCS#7) or in bytes (DER, PKCS#7, or such a text), in
 * order, each once. Throws `certificate-unreadable` or `certificate-too-large`.
 */
export function parseCertificates(given: string | Uint8Array): readonly X509Certificate[] {
  const blobs = typeof given === "string" ? readText(given) : readBytes(given);
  const certificates = blobs.flatMap(readBlob);
  if (certificates.length > MOST_CERTIFICATES) {
    throw certificateError("certificate-too-large", `At most ${MOST_CERTIFICATES} certificates are read at once.`);
  }
  if (certificates.length === 0) throw unreadable();
  return [...new Map(certificates.map((each) => [each.fingerprint256, each])).values()];
}

/** One certificate of its DER. Throws `certificate-unreadable` or `certificate-too-large`. */
export function parseCertificate(der: Uint8Array): X509Certificate {
  if (der.length > LARGEST_CERTIFICATE) {
    throw certificateError("certificate-too-large", "A certificate may have at most 64 KiB.");
  }
  try {
    readDetails(der);
    return new X509Certificate(der);
  } catch (error) {
    throw unreadable(error);
  }
}

/** What a certificate says of itself, as the store keeps it. */
export const factsOf = (certificate: X509Certificate): CertificateFacts => ({
  sha256: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
  subject: formatName(certificate.subject),
  issuer: formatName(certificate.issuer),
  notBefore: instant(Date.parse(certificate.validFrom)),
  notAfter: instant(Date.parse(certificate.validTo)),
});

/** A distinguished name on one line, the most particular part first; `(no name)` when it is empty (C5). */
const formatName = (name: string | undefined): string =>
  (name ?? "").split("\n").reverse().join(", ").slice(0, 300) || "(no name)";

const unreadable = (cause?: unknown): Error =>
  certificateError(
    "certificate-unreadable",
    "This holds no certificate that can be read. Give PEM text, or the base64 text of a DER or PKCS#7 file.",
    cause,
  );

function readText(text: string): readonly Uint8Array[] {
  // Base64 is a third longer, and line ends and comments come with it.
  if (text.length > LARGEST_PKCS7 * 2) throw certificateError("certificate-too-large", "At most 1 MiB is read.");
  const blocks = [...text.matchAll(PEM_BLOCK)];
  if (blocks.length === 0) return [decodeBase64(text)];
  if (blocks.some(([, label]) => label?.includes("PRIVATE KEY"))) {
    throw certificateError(
      "certificate-unreadable",
      "A private key was sent along: consider it known, and make a new one.",
    );
  }
  return blocks.filter(([, label]) => PEM_LABELS.includes(label ?? "")).map(([, , body]) => decodeBase64(body ?? ""));
}

/** Files are either binary, or text in base64 (C13: exports of Windows). */
const readBytes = (bytes: Uint8Array): readonly Uint8Array[] =>
  bytes[0] === 0x30 ? [bytes] : readText(Buffer.from(bytes).toString("latin1"));

function decodeBase64(text: string): Uint8Array {
  const plain = text.replace(/\s+/g, "");
  if (plain === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(plain)) throw unreadable();
  return Buffer.from(plain, "base64");
}

function readBlob(bytes: Uint8Array): readonly X509Certificate[] {
  if (bytes.length > LARGEST_PKCS7) throw certificateError("certificate-too-large", "At most 1 MiB is read.");
  const contained = readContained(bytes);
  return contained ? contained.map(parseCertificate) : [parseCertificate(bytes)];
}

function readContained(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  try {
    const contained = readPkcs7(bytes);
    return contained && contained.length <= MOST_CERTIFICATES ? contained : contained?.slice(0, MOST_CERTIFICATES + 1);
  } catch (error) {
    throw unreadable(error);
  }
}
