import { instant } from "../lib/time.ts";
import type { CertificateOffer, ExpiryWarning, InstalledCertificate, SeenCertificate } from "../ports/trust-store.ts";
import type { StoreDatabase } from "./database.ts";

/** Offers are made to be answered soon. */
const MOST_OFFERS = 50;

interface InstalledRow {
  readonly sha256: string;
  readonly der: Buffer;
  readonly subject: string;
  readonly issuer: string;
  readonly not_before: number;
  readonly not_after: number;
  readonly source: string;
  readonly added_by: string;
  readonly added_at: number;
}

const decodeInstalled = (row: InstalledRow): InstalledCertificate => ({
  sha256: row.sha256,
  der: row.der,
  subject: row.subject,
  issuer: row.issuer,
  notBefore: instant(row.not_before),
  notAfter: instant(row.not_after),
  source: row.source,
  addedBy: row.added_by,
  addedAt: instant(row.added_at),
});

/** The statements about installed certificates, prepared once. */
export function prepareInstalled(database: StoreDatabase) {
  const list = database.prepare<[], InstalledRow>(`
    SELECT sha256, der, subject, issuer, not_before, not_after, source, added_by, added_at
    FROM trusted_certificate ORDER BY subject, sha256`);
  const insert = database.prepare<[Omit<InstalledCertificate, "der"> & { readonly der: Buffer }]>(`
    INSERT INTO trusted_certificate (sha256, der, subject, issuer, not_before, not_after, source, added_by, added_at)
    VALUES (@sha256, @der, @subject, @issuer, @notBefore, @notAfter, @source, @addedBy, @addedAt)
    ON CONFLICT (sha256) DO NOTHING`);
  const remove = database.prepare<[string]>("DELETE FROM trusted_certificate WHERE sha256 = ?");
  return {
    list: (): readonly InstalledCertificate[] => list.all().map(decodeInstalled),
    insert: (certificate: InstalledCertificate) => insert.run({ ...certificate, der: Buffer.from(certificate.der) }),
    delete: (sha256: string) => remove.run(sha256),
  };
}

interface OfferRow {
  readonly id: string;
  readonly server: string;
  readonly certificates: string;
  readonly made_by: string;
  readonly made_at: number;
}

function decodeOffer({ id, server, certificates, made_by, made_at }: OfferRow): CertificateOffer {
  const texts: readonly string[] = JSON.parse(certificates); // written by `replace` below
  const ders = texts.map((text) => Buffer.from(text, "base64"));
  return { id, server, certificates: ders, madeBy: made_by, madeAt: instant(made_at) };
}

/** The statements about offers of certificates, prepared once. */
export function prepareOffers(database: StoreDatabase) {
  const find = database.prepare<[string], OfferRow>(
    "SELECT id, server, certificates, made_by, made_at FROM certificate_offer WHERE id = ?",
  );
  const replace = database.prepare<[string, string, string, string, number]>(`
    INSERT OR REPLACE INTO certificate_offer (id, server, certificates, made_by, made_at) VALUES (?, ?, ?, ?, ?)`);
  const prune = database.prepare<[number]>("DELETE FROM certificate_offer WHERE number <= ?");
  const remove = database.prepare<[string]>("DELETE FROM certificate_offer WHERE id = ?");
  return {
    find: (id: string): CertificateOffer | undefined => {
      const row = find.get(id);
      return row && decodeOffer(row);
    },
    replace: ({ id, server, certificates, madeBy, madeAt }: CertificateOffer) => {
      const texts = certificates.map((der) => Buffer.from(der).toString("base64"));
      const { lastInsertRowid } = replace.run(id, server, JSON.stringify(texts), madeBy, madeAt);
      prune.run(Number(lastInsertRowid) - MOST_OFFERS);
    },
    delete: (id: string) => remove.run(id),
  };
}

/** The statements about certificates that servers showed and expiries that were told, prepared once. */
export function prepareExpiries(database: StoreDatabase) {
  const listSeen = database.prepare<[], SeenCertificate>(`
    SELECT host, sha256, subject, not_after AS notAfter, seen_at AS seenAt
    FROM certificate_seen ORDER BY host, not_after`);
  const forgetHost = database.prepare<[string]>("DELETE FROM certificate_seen WHERE host = ?");
  const insertSeen = database.prepare<[SeenCertificate]>(`
    INSERT OR REPLACE INTO certificate_seen (host, sha256, subject, not_after, seen_at)
    VALUES (@host, @sha256, @subject, @notAfter, @seenAt)`);
  const listWarnings = database.prepare<[], ExpiryWarning>("SELECT sha256, days FROM certificate_warning");
  const insertWarning = database.prepare<[string, number, number]>(
    "INSERT OR REPLACE INTO certificate_warning (sha256, days, at) VALUES (?, ?, ?)",
  );
  const prune = database.prepare<[]>(`
    DELETE FROM certificate_warning WHERE sha256 NOT IN
      (SELECT sha256 FROM trusted_certificate UNION SELECT sha256 FROM certificate_seen)`);
  return {
    listSeen: (): readonly SeenCertificate[] => listSeen.all(),
    replaceSeen: (host: string, certificates: readonly SeenCertificate[]) => {
      forgetHost.run(host);
      for (const certificate of certificates) insertSeen.run(certificate);
    },
    listWarnings: (): readonly ExpiryWarning[] => listWarnings.all(),
    replaceWarning: ({ sha256, days }: ExpiryWarning, at: number) => {
      prune.run();
      insertWarning.run(sha256, days, at);
    },
  };
}
