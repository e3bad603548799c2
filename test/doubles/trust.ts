import { openTunnel, proxyConnector } from "../../plugins/shared-http/proxy-tunnel.ts";
import { type FetchIssuer, LiveTrust } from "../../src/admin/certificates/live-trust.ts";
import { factsOf, parseCertificates } from "../../src/admin/certificates/parse-certificates.ts";
import type { CertificateServices } from "../../src/admin/command.ts";
import { Channel } from "../../src/lib/channel.ts";
import { instant } from "../../src/lib/time.ts";
import type { RegistryChange } from "../../src/ports/registry.ts";
import type { ChainReport } from "../../src/ports/trust.ts";
import type {
  CertificateOffer,
  ExpiryWarning,
  InstalledCertificate,
  SeenCertificate,
  TrustStore,
} from "../../src/ports/trust-store.ts";
import { createTestRuntime } from "./test-runtime.ts";

/** A trust store in memory, and the watch that tells of its changes. */
export class MemoryTrustStore implements TrustStore {
  readonly installed = new Map<string, InstalledCertificate>();
  readonly offers = new Map<string, CertificateOffer>();
  readonly keys = new Map<string, string>();
  seen: readonly SeenCertificate[] = [];
  readonly warnings: ExpiryWarning[] = [];
  readonly #watchers = new Set<Channel<RegistryChange>>();

  async listInstalled(): Promise<readonly InstalledCertificate[]> {
    return [...this.installed.values()];
  }

  async recordInstalled(certificates: readonly InstalledCertificate[]): Promise<void> {
    for (const each of certificates) if (!this.installed.has(each.sha256)) this.installed.set(each.sha256, each);
    this.#report();
  }

  async deleteInstalled(sha256: string): Promise<void> {
    this.installed.delete(sha256);
    this.#report();
  }

  async recordOffer(offer: CertificateOffer): Promise<void> {
    this.offers.set(offer.id, offer);
  }

  async findOffer(id: string): Promise<CertificateOffer | undefined> {
    return this.offers.get(id);
  }

  async deleteOffer(id: string): Promise<void> {
    this.offers.delete(id);
  }

  async listSeen(): Promise<readonly SeenCertificate[]> {
    return this.seen;
  }

  async replaceSeen(host: string, certificates: readonly SeenCertificate[]): Promise<void> {
    this.seen = [...this.seen.filter((each) => each.host !== host), ...certificates];
  }

  async listWarnings(): Promise<readonly ExpiryWarning[]> {
    return this.warnings;
  }

  async recordWarning(warning: ExpiryWarning): Promise<void> {
    this.warnings.push(warning);
  }

  async saveKey(name: string, pem: string): Promise<string> {
    this.keys.set(name, pem);
    return `/keys/${name}.key`;
  }

  watch(signal: AbortSignal): AsyncIterable<RegistryChange> {
    const channel = new Channel<RegistryChange>();
    this.#watchers.add(channel);
    return channel.read(signal);
  }

  #report(): void {
    for (const watcher of this.#watchers) watcher.push({ kind: "certificate" });
  }
}

/** A certificate as if an administrator had installed it. */
export const installedOf = (pem: string): readonly InstalledCertificate[] =>
  parseCertificates(pem).map((each) => ({
    ...factsOf(each),
    der: each.raw,
    source: "chat",
    addedBy: "carol@example.com",
    addedAt: instant(0),
  }));

/** Trust without the system's authorities, in real time, for servers whose certificates are made in real time. */
export function createTestTrust(store = new MemoryTrustStore(), system: readonly string[] = []): LiveTrust {
  const runtime = createTestRuntime();
  const clock = { now: () => instant(Date.now()), at: runtime.clock.at, sleep: runtime.clock.sleep };
  return new LiveTrust({
    store,
    registry: store,
    runtime: { ...runtime, clock },
    system,
    openTunnel: (proxy, server, { trust, ca }, signal) => openTunnel(proxy, server, proxyConnector(trust, ca), signal),
  });
}

/** Certificates for commands of which none looks at a server. */
export const createCertificateServices = (
  report: Partial<ChainReport> = {},
): CertificateServices & {
  readonly store: MemoryTrustStore;
} => ({
  store: new MemoryTrustStore(),
  examine: async () => ({
    isAcceptable: true,
    status: "Verified",
    protocol: "TLSv1.3",
    names: [],
    entries: [],
    ...report,
  }),
});

/** What `LiveTrust.examineWith` takes to fetch issuers, answered from a table. */
export const issuersFrom =
  (table: Readonly<Record<string, string>>): FetchIssuer =>
  async (urls) =>
    urls.flatMap((url) => parseCertificates(table[url] ?? ""));
