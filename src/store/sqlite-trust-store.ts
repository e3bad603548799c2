import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Instant } from "../lib/time.ts";
import type {
  CertificateOffer,
  ExpiryWarning,
  InstalledCertificate,
  SeenCertificate,
  TrustStore,
} from "../ports/trust-store.ts";
import { prepareExpiries, prepareInstalled, prepareOffers } from "./certificates.ts";
import type { StoreDatabase } from "./database.ts";
import type { SqliteRegistry } from "./sqlite-registry.ts";
import { translateStoreError } from "./store-errors.ts";

/** The trust store in SQLite; its changes go into the registry's log of changes. */
export class SqliteTrustStore implements TrustStore {
  readonly #database: StoreDatabase;
  readonly #changes: Pick<SqliteRegistry, "write">;
  readonly #installed: ReturnType<typeof prepareInstalled>;
  readonly #offers: ReturnType<typeof prepareOffers>;
  readonly #expiries: ReturnType<typeof prepareExpiries>;

  constructor(database: StoreDatabase, changes: Pick<SqliteRegistry, "write">) {
    this.#database = database;
    this.#changes = changes;
    this.#installed = prepareInstalled(database);
    this.#offers = prepareOffers(database);
    this.#expiries = prepareExpiries(database);
  }

  async listInstalled(): Promise<readonly InstalledCertificate[]> {
    return this.#database.read(() => this.#installed.list());
  }

  async recordInstalled(certificates: readonly InstalledCertificate[]): Promise<void> {
    this.#changes.write({ kind: "certificate" }, () => {
      for (const certificate of certificates) this.#installed.insert(certificate);
    });
  }

  async deleteInstalled(sha256: string): Promise<void> {
    this.#changes.write({ kind: "certificate" }, () => this.#installed.delete(sha256));
  }

  async recordOffer(offer: CertificateOffer): Promise<void> {
    this.#database.write(() => this.#offers.replace(offer));
  }

  async findOffer(id: string): Promise<CertificateOffer | undefined> {
    return this.#database.read(() => this.#offers.find(id));
  }

  async deleteOffer(id: string): Promise<void> {
    this.#database.write(() => this.#offers.delete(id));
  }

  async listSeen(): Promise<readonly SeenCertificate[]> {
    return this.#database.read(() => this.#expiries.listSeen());
  }

  async replaceSeen(host: string, certificates: readonly SeenCertificate[]): Promise<void> {
    this.#database.write(() => this.#expiries.replaceSeen(host, certificates));
  }

  async listWarnings(): Promise<readonly ExpiryWarning[]> {
    return this.#database.read(() => this.#expiries.listWarnings());
  }

  async recordWarning(warning: ExpiryWarning, at: Instant): Promise<void> {
    this.#database.write(() => this.#expiries.replaceWarning(warning, at));
  }

  async saveKey(name: string, pem: string): Promise<string> {
    const folder = `${this.#database.path}.keys`;
    const path = join(folder, `${name}.key`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(path, pem, { flag: "wx", mode: 0o600 });
      return path;
    } catch (error) {
      throw translateStoreError(error, path);
    }
  }
}
