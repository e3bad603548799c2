import type { Instant } from "../lib/time.ts";

/** What a certificate says of itself. */
export interface CertificateFacts {
  /** Of the DER bytes, lower-case hexadecimal. */
  readonly sha256: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** A certificate that administrators installed: a root is trusted, another one completes chains. */
export interface InstalledCertificate extends CertificateFacts {
  readonly der: Uint8Array;
  /** Where it came from: `chat`, or the server as `host:port`. */
  readonly source: string;
  readonly addedBy: string;
  readonly addedAt: Instant;
}

/** What an import found missing, until somebody accepts it. */
export interface CertificateOffer {
  readonly id: string;
  /** `host:port`. */
  readonly server: string;
  /** DER. */
  readonly certificates: readonly Uint8Array[];
  readonly madeBy: string;
  readonly madeAt: Instant;
}

/** A certificate that a server showed. */
export interface SeenCertificate {
  readonly host: string;
  readonly sha256: string;
  readonly subject: string;
  readonly notAfter: Instant;
  /** To the day. */
  readonly seenAt: Instant;
}

/** An expiry that the administrators were told of. */
export interface ExpiryWarning {
  readonly sha256: string;
  /** How many days before. */
  readonly days: number;
}

/** Certificates beside the system's. Changes are reported by the registry's watch. Rejects with GatewayError (`store-…`). */
export interface TrustStore {
  /** By subject. */
  listInstalled(): Promise<readonly InstalledCertificate[]>;
  /** All or none; one that is installed already stays as it is. */
  recordInstalled(certificates: readonly InstalledCertificate[]): Promise<void>;
  deleteInstalled(sha256: string): Promise<void>;

  /** Only the newest offers are kept. */
  recordOffer(offer: CertificateOffer): Promise<void>;
  findOffer(id: string): Promise<CertificateOffer | undefined>;
  deleteOffer(id: string): Promise<void>;

  listSeen(): Promise<readonly SeenCertificate[]>;
  /** What the host shows now, in place of what it showed before. */
  replaceSeen(host: string, certificates: readonly SeenCertificate[]): Promise<void>;

  listWarnings(): Promise<readonly ExpiryWarning[]>;
  recordWarning(warning: ExpiryWarning, at: Instant): Promise<void>;

  /** Writes a new private key for its owner alone (mode 0600) beside the store; resolves with the path. Never replaces one. */
  saveKey(name: string, pem: string): Promise<string>;
}
