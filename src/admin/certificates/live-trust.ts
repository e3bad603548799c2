import { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from "node:tls";
import { type BackoffPolicy, backoffDelay } from "../../lib/backoff.ts";
import { hours, minutes, seconds } from "../../lib/time.ts";
import { toGatewayError } from "../../ports/errors.ts";
import type { Registry } from "../../ports/registry.ts";
import type { Runtime } from "../../ports/runtime.ts";
import type {
  ChainReport,
  HttpProxy,
  PeerChain,
  TlsServer,
  TlsTerms,
  Trust,
  TrustedTlsOptions,
} from "../../ports/trust.ts";
import type { TrustStore } from "../../ports/trust-store.ts";
import { CertificatePool } from "./build-path.ts";
import { fetchChain, readPeerChain } from "./fetch-chain.ts";
import { factsOf, parseCertificate, parseCertificates } from "./parse-certificates.ts";
import { strictFindings, verifyChain } from "./verify-chain.ts";

const RETRY: BackoffPolicy = { first: seconds(1), longest: minutes(1) };
/** One for each server, or for its terms. */
const MOST_KEPT = 100;

/** Makes a connection to the server through the proxy; rejects with what went wrong, or the signal's reason. */
export type OpenTunnel = (
  proxy: HttpProxy,
  server: TlsServer,
  trusted: { readonly trust: Trust; readonly ca?: string | undefined },
  signal: AbortSignal,
) => Promise<Duplex>;

/** What trust is made of. */
export interface LiveTrustDeps {
  readonly store: TrustStore;
  readonly registry: Pick<Registry, "watch">;
  readonly runtime: Pick<Runtime, "clock" | "log" | "random">;
  /** The system's certificate authorities, PEM each, that can be read. */
  readonly system: readonly string[];
  readonly openTunnel: OpenTunnel;
}

/** Fetches an issuer's certificates from the first of the addresses that has any; none when none has. */
export type FetchIssuer = (urls: readonly string[], signal: AbortSignal) => Promise<readonly X509Certificate[]>;

/** How a chain is examined. */
export interface ExaminationTerms extends TlsTerms {
  readonly fetchIssuer?: FetchIssuer | undefined;
}

/** Examines a server's chain, as `LiveTrust.examineWith`. */
export type ExamineServer = (server: TlsServer, terms: ExaminationTerms, signal: AbortSignal) => Promise<ChainReport>;

/** Issuers fetched one after the other: chains have one or two intermediates and a root. */
const MOST_FETCHES = 4;

/** What is trusted, as the store has it now: a change holds for every TLS connection made after it (R9). */
export class LiveTrust implements Trust {
  readonly #deps: LiveTrustDeps;
  #system: readonly X509Certificate[] | undefined;
  readonly #pools = new Map<string, CertificatePool>();
  readonly #contexts = new Map<string, SecureContext>();
  readonly #shown = new Map<string, string>();
  #installed: readonly X509Certificate[] = [];

  constructor(deps: LiveTrustDeps) {
    this.#deps = deps;
  }

  /** Reads the store. Rejects with GatewayError (`store-…`). */
  async load(): Promise<void> {
    const installed = await this.#deps.store.listInstalled();
    this.#installed = installed.map(({ der }) => parseCertificate(der));
    this.#pools.clear();
    this.#contexts.clear();
  }

  /** Follows the store until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#deps.runtime;
    for (let failures = 0; !signal.aborted; ) {
      try {
        // The watch begins with the call, so that no change falls between it and the reading.
        const changes = this.#deps.registry.watch(signal);
        await this.load();
        for await (const { kind } of changes) {
          failures = 0;
          if (kind !== "certificate") continue;
          await this.load();
          log.info("certificate.trust-changed", { installed: this.#installed.length });
        }
      } catch (error) {
        if (signal.aborted) return;
        log.error("certificate.watch-failed", { code: toGatewayError(error).code });
      }
      failures++;
      await clock.sleep(backoffDelay(RETRY, failures, random()), signal).catch(() => undefined);
    }
  }

  tlsOptions(terms: TlsTerms): TrustedTlsOptions {
    return {
      secureContext: this.#context(terms, isLenient(terms)),
      checkServerIdentity: (host, peer) => this.#check(host, peer, terms),
    };
  }

  async examine(server: TlsServer, terms: TlsTerms, signal: AbortSignal): Promise<ChainReport> {
    return this.examineWith(server, terms, signal);
  }

  /** As `examine`; where the issuer of the last certificate is missing, it is fetched from where that one says. */
  async examineWith(
    server: TlsServer,
    { fetchIssuer, ...terms }: ExaminationTerms,
    signal: AbortSignal,
  ): Promise<ChainReport> {
    // Weak keys are let through the handshake, for the report to name them.
    const { proxy } = server;
    const tunnel = proxy && (await this.#deps.openTunnel(proxy, server, { trust: this, ca: terms.ca }, signal));
    const reached = { ...server, tunnel };
    const { certificates, protocol, refusal: code } = await fetchChain(reached, this.#context(terms, true), signal);
    const fetched: X509Certificate[] = [];
    for (let rounds = 0; ; rounds++) {
      const report = { ...verifyChain(certificates, { ...this.#terms(server.host, terms), fetched }), protocol };
      const urls = report.entries.at(-1)?.issuerUrls ?? [];
      if (!fetchIssuer || urls.length === 0 || rounds === MOST_FETCHES) return withRefusal(report, code);
      const found = await fetchIssuer(urls, signal);
      if (found.length === 0) return withRefusal(report, code);
      fetched.push(...found);
    }
  }

  #terms(host: string, { ca, exceptions }: TlsTerms) {
    return { host, exceptions, known: this.#pool(ca), now: this.#deps.runtime.clock.now() };
  }

  #pool(ca: string | undefined): CertificatePool {
    this.#system ??= this.#deps.system.map((pem) => new X509Certificate(pem));
    const all = [...this.#installed, ...this.#system];
    return keep(
      this.#pools,
      ca ?? "",
      () => new CertificatePool(ca === undefined ? all : [...parseCertificates(ca), ...all]),
    );
  }

  #context({ ca, identity }: TlsTerms, isLenientToo: boolean): SecureContext {
    const own = ca === undefined ? [] : [ca];
    return keep(this.#contexts, `${isLenientToo} ${ca ?? ""} ${identity?.certificate ?? ""}`, () =>
      createSecureContext({
        ca: [...this.#deps.system, ...this.#installed.map(String), ...own],
        ...(identity && { cert: identity.certificate, key: identity.key }),
        ...(isLenientToo && { ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0` }),
      }),
    );
  }

  /** Called when OpenSSL has accepted the chain: our own rules on top of it. What it throws would end the process. */
  #check(host: string, peer: PeerChain, terms: TlsTerms): Error | undefined {
    try {
      const certificates = readPeerChain(peer);
      this.#recordShown(host, certificates);
      const [first] = strictFindings(certificates, this.#terms(host, terms));
      return first && refusal(first.text);
    } catch (error) {
      return refusal(toGatewayError(error).message);
    }
  }

  /** Where it cannot be read, whoever uses it says so. */
  noteOwn(use: string, pem: string): void {
    try {
      this.#recordShown(use, parseCertificates(pem));
    } catch (error) {
      this.#deps.runtime.log.debug("certificate.not-noted", { use, code: toGatewayError(error).code });
    }
  }

  /** Kept for the expiry warnings, written once a day; roots among them are installed, or the system's. */
  #recordShown(host: string, certificates: readonly X509Certificate[]): void {
    const now = this.#deps.runtime.clock.now();
    const isRoot = ({ subject, issuer }: X509Certificate): boolean => subject === issuer && certificates.length > 1;
    const facts = certificates.filter((each) => !isRoot(each)).map(factsOf);
    const all = [Math.floor(now / hours(24)), ...facts.map(({ sha256 }) => sha256)].join(" ");
    if (this.#shown.get(host) === all) return;
    if (this.#shown.size >= MOST_KEPT) this.#shown.clear();
    this.#shown.set(host, all);
    const seen = facts.map(({ sha256, subject, notAfter }) => ({ host, sha256, subject, notAfter, seenAt: now }));
    this.#deps.store.replaceSeen(host, seen).catch((error: unknown) => {
      this.#shown.delete(host); // so that the next connection tries again
      this.#deps.runtime.log.warn("certificate.not-recorded", { host, code: toGatewayError(error).code });
    });
  }
}

/** OpenSSL has the last word where we have found nothing, for example on name constraints. */
function withRefusal(report: ChainReport, code: string | undefined): ChainReport {
  const [own, ...rest] = report.entries;
  if (code === undefined || !report.isAcceptable || !own) return report;
  const refused = { kind: "refused", text: `OpenSSL refuses it (${code})` } as const;
  const entries = [{ ...own, verdict: "failed" as const, findings: [refused] }, ...rest];
  return { ...report, isAcceptable: false, status: "Failed - Bad Certificates", entries };
}

const refusal = (text: string): Error =>
  Object.assign(new Error(`its certificate is refused: ${text}`), { code: "ERR_TLS_CERT_REFUSED" });

/** OpenSSL itself refuses weak keys and SHA-1 above security level 0. */
const isLenient = ({ exceptions }: TlsTerms): boolean => exceptions.has("weak-key") || exceptions.has("sha-1");

function keep<Value>(kept: Map<string, Value>, key: string, make: () => Value): Value {
  const found = kept.get(key);
  if (found !== undefined) return found;
  if (kept.size >= MOST_KEPT) kept.clear();
  const made = make();
  kept.set(key, made);
  return made;
}
