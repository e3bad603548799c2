import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Instant, instant } from "../../src/lib/time.ts";
import { entraError } from "./entra-errors.ts";

/** What an application proves itself with, beside a secret: its certificate and private key. */
export interface CertificateCredential {
  /** Lower-case hexadecimal. */
  readonly thumbprintSha256: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  /** PEM of the certificate and of those that came with it: sent along, so that the issuer's name may be registered instead. */
  readonly chain: string;
  readonly notAfter: Instant;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Reads a PEM file with certificate and RSA key. Rejects with `entra-certificate-unreadable` or the signal's reason. */
export async function readCertificateCredential(path: string, signal: AbortSignal): Promise<CertificateCredential> {
  try {
    return parseCertificateCredential(await readFile(path, { encoding: "utf8", signal }));
  } catch {
    signal.throwIfAborted();
    // Without the cause: what OpenSSL says of a key is better not kept.
    throw entraError("entra-certificate-unreadable", `${path}: no certificate with its RSA key could be read`);
  }
}

function parseCertificateCredential(pem: string): CertificateCredential {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== "rsa") throw new Error("not an RSA key");
  const certificates = pem.match(CERTIFICATE) ?? [];
  const own = certificates.map((each) => new X509Certificate(each)).find((each) => isOf(each, key));
  if (!own) throw new Error("no certificate of the key");
  const others = certificates.filter((each) => new X509Certificate(each).fingerprint256 !== own.fingerprint256);
  return {
    thumbprintSha256: own.fingerprint256.replaceAll(":", "").toLowerCase(),
    privateKey: key.export({ type: "pkcs8", format: "pem" }).toString(),
    chain: [own.toString().trim(), ...others].join("\n"),
    notAfter: instant(Date.parse(own.validTo)),
  };
}

const isOf = (certificate: X509Certificate, key: KeyObject): boolean => certificate.checkPrivateKey(key);
