import type { PresentityId } from "../core/addresses.ts";
import type { RegistryChange } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";

/** Kept for processes that follow; one that has not looked for this many changes has stopped. */
const MOST_CHANGES = 100_000;

interface ChangeRow {
  readonly id: number;
  readonly kind: RegistryChange["kind"];
  readonly subject: string;
}

/** A change and its place in the order of all changes. */
export interface NumberedChange {
  readonly id: number;
  readonly change: RegistryChange;
}

function encodeSubject(change: RegistryChange): string {
  switch (change.kind) {
    case "user":
      return change.presentity;
    case "calendar-name":
      return change.locale;
    case "calendar-server":
    case "parameter":
      return change.name;
    case "certificate":
      return "";
  }
}

function decodeChange({ kind, subject }: ChangeRow): RegistryChange {
  switch (kind) {
    case "user":
      return { kind, presentity: subject as PresentityId }; // a user row's key, parsed before it was stored
    case "calendar-name":
      return { kind, locale: subject };
    case "calendar-server":
    case "parameter":
      return { kind, name: subject };
    case "certificate":
      return { kind };
  }
}

/** The statements about the log of changes, prepared once. */
export function prepareRegistryChanges(database: StoreDatabase) {
  const insert = database.prepare<[string, string]>("INSERT INTO registry_change (kind, subject) VALUES (?, ?)");
  const prune = database.prepare<[number]>("DELETE FROM registry_change WHERE id <= ?");
  const findLast = database.prepare<[], { id: number | null }>("SELECT max(id) AS id FROM registry_change");
  const listAfter = database.prepare<[number], ChangeRow>(
    "SELECT id, kind, subject FROM registry_change WHERE id > ? ORDER BY id",
  );
  return {
    insert: (change: RegistryChange): void => {
      const { lastInsertRowid } = insert.run(change.kind, encodeSubject(change));
      prune.run(Number(lastInsertRowid) - MOST_CHANGES);
    },
    /** The number of the newest change; 0 when there was none. */
    lastId: (): number => findLast.get()?.id ?? 0,
    listAfter: (id: number): readonly NumberedChange[] =>
      listAfter.all(id).map((row) => ({ id: row.id, change: decodeChange(row) })),
  };
}
