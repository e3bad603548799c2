import type { AuditEntry } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";

/** Older lines go, so that nobody fills the disk by being refused. Lists of 100,000 users must not push out all others. */
const MOST_LINES = 500_000;

/** The statements about the audit, prepared once. */
export function prepareAudit(database: StoreDatabase) {
  const insert = database.prepare<[AuditEntry]>(`
    INSERT INTO audit (at, actor, action, subject, detail) VALUES (@at, @actor, @action, @subject, @detail)`);
  const prune = database.prepare<[number]>("DELETE FROM audit WHERE id <= ?");
  const list = database.prepare<[number], AuditEntry>(
    "SELECT at, actor, action, subject, detail FROM audit ORDER BY id DESC LIMIT ?",
  );
  const listOfSubject = database.prepare<[string, number], AuditEntry>(
    "SELECT at, actor, action, subject, detail FROM audit WHERE subject = ? ORDER BY id DESC LIMIT ?",
  );
  return {
    insert: (entry: AuditEntry): void => {
      const { lastInsertRowid } = insert.run(entry);
      prune.run(Number(lastInsertRowid) - MOST_LINES);
    },
    list: (limit: number, subject: string | undefined): readonly AuditEntry[] =>
      subject === undefined ? list.all(limit) : listOfSubject.all(subject, limit),
  };
}
