import { hours, type Instant, plus } from "../lib/time.ts";
import type { UserImport, UserImports } from "../ports/user-imports.ts";
import type { StoreDatabase } from "./database.ts";

/** Lists that wait for nobody: the newest, none older than a month. They hold people's addresses. */
const MOST_KEPT = 20;
const LONGEST_KEPT = hours(24 * 30);

interface ImportRow {
  readonly id: number;
  readonly summary: string;
  readonly readAt: Instant;
  readonly readBy: string;
  readonly dueAt: Instant | null;
  readonly dueBy: string | null;
  readonly appliedAt: Instant | null;
  readonly outcome: string | null;
}

const decodeImport = ({ dueAt, dueBy, appliedAt, outcome, ...rest }: ImportRow): UserImport => ({
  ...rest,
  ...(dueAt !== null && { due: { at: dueAt, by: dueBy ?? "" } }),
  ...(appliedAt !== null && { applied: { at: appliedAt, outcome: outcome ?? "" } }),
});

/** The statements about lists of users, prepared once. */
function prepareImports(database: StoreDatabase) {
  const insert = database.prepare<[string, Instant, string, string]>(
    "INSERT INTO user_import (summary, read_at, read_by, text) VALUES (?, ?, ?, ?)",
  );
  const prune = database.prepare<[Instant, number]>(`
    DELETE FROM user_import WHERE due_at IS NULL AND (read_at < ? OR id NOT IN
      (SELECT id FROM user_import WHERE due_at IS NULL ORDER BY id DESC LIMIT ?))`);
  const find = database.prepare<[number], ImportRow & { text: string }>(`
    SELECT id, summary, read_at AS readAt, read_by AS readBy, due_at AS dueAt, due_by AS dueBy,
      applied_at AS appliedAt, outcome, text
    FROM user_import WHERE id = ?`);
  const list = database.prepare<[], ImportRow>(`
    SELECT id, summary, read_at AS readAt, read_by AS readBy, due_at AS dueAt, due_by AS dueBy,
      applied_at AS appliedAt, outcome
    FROM user_import ORDER BY id DESC`);
  const schedule = database.prepare<[Instant, string, number]>(
    "UPDATE user_import SET due_at = ?, due_by = ? WHERE id = ?",
  );
  const recordApplied = database.prepare<[Instant, string, number]>(
    "UPDATE user_import SET applied_at = ?, outcome = ?, due_at = NULL, due_by = NULL, text = '' WHERE id = ?",
  );
  const remove = database.prepare<[number]>("DELETE FROM user_import WHERE id = ?");
  return { insert, prune, find, list, schedule, recordApplied, remove };
}

/** Lists of users in SQLite. */
export class SqliteUserImports implements UserImports {
  readonly #database: StoreDatabase;
  readonly #statements: ReturnType<typeof prepareImports>;

  constructor(database: StoreDatabase) {
    this.#database = database;
    this.#statements = prepareImports(database);
  }

  async keep({ summary, readAt, readBy, text }: Parameters<UserImports["keep"]>[0]): Promise<number> {
    return this.#database.write(() => {
      const { lastInsertRowid } = this.#statements.insert.run(summary, readAt, readBy, text);
      this.#statements.prune.run(plus(readAt, -LONGEST_KEPT), MOST_KEPT);
      return Number(lastInsertRowid);
    });
  }

  async find(id: number): ReturnType<UserImports["find"]> {
    const row = this.#database.read(() => this.#statements.find.get(id));
    return row && { ...decodeImport(row), text: row.text };
  }

  async list(): Promise<readonly UserImport[]> {
    return this.#database.read(() => this.#statements.list.all()).map(decodeImport);
  }

  async schedule(id: number, { at, by }: Parameters<UserImports["schedule"]>[1]): Promise<void> {
    this.#database.write(() => this.#statements.schedule.run(at, by, id));
  }

  async recordApplied(id: number, { at, outcome }: Parameters<UserImports["recordApplied"]>[1]): Promise<void> {
    this.#database.write(() => this.#statements.recordApplied.run(at, outcome, id));
  }

  async delete(id: number): Promise<void> {
    this.#database.write(() => this.#statements.remove.run(id));
  }
}
