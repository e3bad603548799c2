import type { X509Certificate } from "node:crypto";
import { type CertificateDetails, readDetails } from "./read-der.ts";

/** Longest chain that is looked at. */
export const LONGEST_CHAIN = 10;

/** A certificate on the way from a server's own to a root. */
export interface PathStep {
  readonly certificate: X509Certificate;
  readonly details: CertificateDetails;
  /** Whether it is among those that are trusted or installed here. */
  readonly isKnown: boolean;
  readonly isSelfSigned: boolean;
  /** Whether the next one's key has signed it; absent where there is no next one. */
  readonly isSignatureGood?: boolean;
}

/** The certificates that are known here, found by their subject. */
export class CertificatePool {
  readonly #bySubject = new Map<string, X509Certificate[]>();
  readonly #fingerprints = new Set<string>();

  constructor(certificates: Iterable<X509Certificate>) {
    for (const certificate of certificates) {
      const subject = certificate.subject ?? "";
      const others = this.#bySubject.get(subject);
      if (others) others.push(certificate);
      else this.#bySubject.set(subject, [certificate]);
      this.#fingerprints.add(certificate.fingerprint256);
    }
  }

  /** Those whose subject is that name. */
  named(subject: string): readonly X509Certificate[] {
    return this.#bySubject.get(subject) ?? [];
  }

  /** Whether exactly this certificate is known. */
  has(certificate: X509Certificate): boolean {
    return this.#fingerprints.has(certificate.fingerprint256);
  }
}

/**
 * The way from a certificate towards a root, at most LONGEST_CHAIN certificates. Of several issuers one that is known
 * here, whose key has really signed, and that is valid comes first, as OpenSSL chooses too (X509_V_FLAG_TRUSTED_FIRST).
 */
export function buildPath(
  leaf: X509Certificate,
  sent: readonly X509Certificate[],
  known: CertificatePool,
  now: number,
): readonly PathStep[] {
  const path: PathStep[] = [];
  for (let next: X509Certificate | undefined = leaf; next && path.length < LONGEST_CHAIN; ) {
    const certificate: X509Certificate = next;
    const isSelfSigned = isIssuedBy(certificate, certificate) && isSignedBy(certificate, certificate);
    const issuer = isSelfSigned ? undefined : findIssuer(certificate, { sent, known, now, path });
    path.push({
      certificate,
      details: readDetails(certificate.raw),
      isKnown: known.has(certificate),
      isSelfSigned,
      ...(issuer && { isSignatureGood: isSignedBy(certificate, issuer) }),
    });
    next = issuer;
  }
  return path;
}

interface Candidates {
  readonly sent: readonly X509Certificate[];
  readonly known: CertificatePool;
  readonly now: number;
  readonly path: readonly PathStep[];
}

function findIssuer(certificate: X509Certificate, { sent, known, now, path }: Candidates): X509Certificate | undefined {
  const named = [...known.named(certificate.issuer ?? ""), ...sent.filter((each) => isIssuedBy(certificate, each))];
  const isBelowKnown = (each: X509Certificate): boolean =>
    known.named(each.issuer ?? "").some((above) => isSignedBy(each, above));
  const rank = (each: X509Certificate): number =>
    (isSignedBy(certificate, each) ? 8 : 0) +
    (known.has(each) ? 4 : 0) +
    (isBelowKnown(each) ? 2 : 0) +
    (isValidAt(each, now) ? 1 : 0);
  // Cross-signed authorities may turn in a circle.
  const isUsed = (each: X509Certificate): boolean =>
    [certificate, ...path.map((step) => step.certificate)].some((used) => used.fingerprint256 === each.fingerprint256);
  return named
    .filter((each) => !isUsed(each))
    .reduce<X509Certificate | undefined>((best, each) => (best && rank(best) >= rank(each) ? best : each), undefined);
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  (certificate.issuer ?? "") === (issuer.subject ?? "");

/** Whether it is valid at that time, in milliseconds since 1970. */
const isValidAt = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  Date.parse(validFrom) <= now && now <= Date.parse(validTo);

/** RSA, ECDSA and EdDSA: OpenSSL's verification; a key of another kind has signed nothing. */
function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false; // the key is of a kind that OpenSSL does not know, or does not fit the signature
  }
}
