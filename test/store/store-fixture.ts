import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import type { PresenceDocument } from "../../src/core/presence.ts";
import { plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { OutboxRow, Publications, Published } from "../../src/ports/journal.ts";
import type { User } from "../../src/ports/registry.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { createTestRuntime, MONDAY_MORNING, type TestRuntime } from "../doubles/test-runtime.ts";

export const NOW = MONDAY_MORNING;
export const ALICE = parsePresentityId("alice@example.com");
export const BOB = parsePresentityId("bob@example.com");

export const IN_MEETING: PresenceDocument = {
  show: "dnd",
  source: "calendar",
  activity: { general: "working", specific: "in_a_meeting" },
  text: "in-a-meeting",
  until: plus(NOW, 3_600_000),
};
export const AVAILABLE: PresenceDocument = { show: "available", source: "client", note: { "": "hello", de: "hallo" } };

export const user = (name: string): User => ({
  presentity: parsePresentityId(`${name}@example.com`),
  mailbox: parseMailbox(`${name}@example.com`),
  gateway: "hq",
  locale: "en",
  isEnabled: true,
});

export const outboxRow = (change: Partial<OutboxRow> = {}): OutboxRow => ({
  presentity: ALICE,
  publisher: "pep",
  document: IN_MEETING,
  locale: "en",
  kind: "publish",
  since: NOW,
  notBefore: NOW,
  failures: 0,
  ...change,
});

export const publishedOf = (row: OutboxRow): Published => ({
  publisher: row.publisher,
  document: row.document,
  locale: row.locale,
  at: NOW,
  epoch: "run-1",
});

/** What is due, with nothing published. */
export const due = (...outbox: OutboxRow[]): Publications => ({ published: [], outbox });

export interface TestStores {
  readonly directory: string;
  readonly path: string;
  readonly runtime: TestRuntime;
  /** Opens the file once more; closed by `end` at the latest. */
  open(key?: string): Store;
  /** To be called after each test. */
  end(): void;
}

/** A directory of its own for a test's database file. */
export function createTestStores(): TestStores {
  const directory = mkdtempSync(join(tmpdir(), "presence-store-"));
  const path = join(directory, "presence.db");
  const runtime = createTestRuntime();
  const opened: Store[] = [];
  return {
    directory,
    path,
    runtime,
    open: (key) => {
      const store = openStore({ path, key, runtime });
      opened.push(store);
      return store;
    },
    end: () => {
      for (const store of opened) closeQuietly(store);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function closeQuietly(store: Store): void {
  try {
    store.close();
  } catch {
    // The test has made it unwritable or has closed it already.
  }
}

/** The error code with which `work` throws; "none" when it does not. */
export function codeOf(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
}
