import type { SecureContext } from "node:tls";
import type { Instant } from "../lib/time.ts";

/** What an administrator may let pass at a named server; everything else is refused always. */
export const TLS_EXCEPTIONS = ["weak-key", "sha-1", "common-name"] as const;

/** The name of an exception. */
export type TlsException = (typeof TLS_EXCEPTIONS)[number];

/** What may be wrong with a certificate or its chain. */
export type FindingKind =
  | "expired"
  | "not-yet-valid"
  | "wrong-name"
  | "wrong-address"
  | "wildcard-too-deep"
  | "common-name-only"
  | "self-signed"
  | "missing-issuer"
  | "untrusted-root"
  | "wrong-usage"
  | "not-an-authority"
  | "bad-signature"
  | "regenerated-key"
  | "weak-key"
  | "weak-signature"
  | "chain-too-long"
  | "unsupported"
  | "refused";

/** One finding, in words that name the remedy. */
export interface Finding {
  readonly kind: FindingKind;
  readonly text: string;
  /** What would let it pass. */
  readonly exception?: TlsException;
}

/** One certificate of a chain, the server's own first. */
export interface ChainEntry {
  readonly subject: string;
  readonly issuer: string;
  /** Lower-case hexadecimal; absent when the certificate itself is not there. */
  readonly sha256?: string;
  readonly notAfter?: Instant;
  /** `verified`: it leads to a trusted root. `missing`: it is needed and not trusted here. `failed`: see the findings. */
  readonly verdict: "verified" | "missing" | "failed";
  /** What makes it unacceptable. */
  readonly findings: readonly Finding[];
  /** What an exception lets pass. */
  readonly warnings: readonly Finding[];
  /** Where its issuer says the issuer's certificate can be fetched (RFC 5280 4.2.2.1), when that is missing. */
  readonly issuerUrls: readonly string[];
  readonly der?: Uint8Array;
}

/** The result of "SSL Connection/Certificate Verification", in the words of the guides that administrators know (T3 to T7). */
export type VerificationStatus =
  | "Verified"
  | "Failed - Certificate Missing From Chain"
  | "Failed - Subject CN Mismatch"
  | "Failed - SAN Mismatch"
  | "Failed - Bad Certificates";

/** A server's certificate chain and what is wrong with it. */
export interface ChainReport {
  readonly isAcceptable: boolean;
  readonly status: VerificationStatus;
  readonly protocol: string;
  /** Host names and addresses that the server's certificate is for. */
  readonly names: readonly string[];
  /** The one of them that is the server's. */
  readonly matchedName?: string;
  readonly entries: readonly ChainEntry[];
}

/** An HTTP proxy that makes tunnels (CONNECT), http:// or https://, with Basic where it wants a login. */
export interface HttpProxy {
  /** Without path, user and password. */
  readonly url: URL;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** A server that is spoken to by TLS. */
export interface TlsServer {
  readonly host: string;
  readonly port: number;
  /** By which it is reached; straight when absent. */
  readonly proxy?: HttpProxy | undefined;
}

/** What one plugin asks for beside what is trusted by all. */
export interface TlsTerms {
  /** PEM text of certificate authorities that are trusted too. */
  readonly ca?: string | undefined;
  readonly exceptions: ReadonlySet<TlsException>;
  /** Shown to servers that ask who the gateway is (mutual TLS): PEM texts. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined;
}

/** Options of one TLS connection (node:tls): verification is Node's, made stricter by `checkServerIdentity`. */
export interface TrustedTlsOptions {
  readonly secureContext: SecureContext;
  readonly checkServerIdentity: (host: string, certificate: PeerChain) => Error | undefined;
}

/** The part of Node's detailed peer certificate that is looked at. */
export interface PeerChain {
  readonly raw: Uint8Array;
  readonly issuerCertificate?: PeerChain;
}

/** What is trusted now: the system's certificate authorities and those that administrators installed. */
export interface Trust {
  /** To be asked for each connection; `secureContext` is the same object until what is trusted changes. */
  tlsOptions(terms: TlsTerms): TrustedTlsOptions;
  /** A certificate (PEM, with those of its issuers) that the gateway itself uses for this: administrators are told before it ends. */
  noteOwn(use: string, pem: string): void;
  /** Shakes hands, sends nothing, and says what the chain is worth. Rejects with the system's error when there is none. */
  examine(server: TlsServer, terms: TlsTerms, signal: AbortSignal): Promise<ChainReport>;
}
