import { parseMailbox, parsePresentityId } from "../../../src/core/addresses.ts";
import { DirectorySync } from "../../../src/engine/directories/directory-sync.ts";
import type { DirectoryTemplate } from "../../../src/engine/directories/plan-directory.ts";
import { hours, minutes } from "../../../src/lib/time.ts";
import type { DirectoryEntry, DirectoryListing, DirectorySource } from "../../../src/ports/directory-source.ts";
import type { GatewayError } from "../../../src/ports/errors.ts";
import type { Health } from "../../../src/ports/plugin.ts";
import { createTestStores } from "../../store/store-fixture.ts";

/** A directory as a table. */
export class TableDirectory implements DirectorySource {
  entries: readonly DirectoryEntry[] = [];
  failure: GatewayError | undefined;
  readonly readings: ("all" | "changes")[] = [];

  async start(): Promise<void> {
    return;
  }

  async stop(): Promise<void> {
    return;
  }

  health(): Health {
    return this.failure ? { state: "down", error: this.failure } : { state: "ok" };
  }

  async read(before: DirectoryListing | undefined, signal: AbortSignal): Promise<DirectoryListing> {
    signal.throwIfAborted();
    this.readings.push(before ? "changes" : "all");
    if (this.failure) throw this.failure;
    return { entries: new Map(this.entries.map((each) => [each.key, each])), mark: "1", isFull: !before };
  }

  /** People with these names, all of the first template. */
  fill(...names: readonly string[]): void {
    this.entries = names.map((name) => ({
      key: name,
      name: `uid=${name}`,
      presentity: parsePresentityId(`${name}@example.com`),
      mailbox: parseMailbox(`${name}@example.com`),
      template: 0,
    }));
  }
}

/** A directory in a table, the store on disk, and what keeps the two in step. */
export async function createDirectoryStage(templates: readonly DirectoryTemplate[] = [{ isEnabled: true }]) {
  const stores = createTestStores();
  const store = stores.open();
  await store.registry.replaceCalendarServer({ name: "main", type: "ews", options: {}, isEnabled: true });
  const source = new TableDirectory();
  const alerts: string[] = [];
  const { runtime } = stores;
  const sync = new DirectorySync(
    { name: "hq", templates, interval: hours(1), fullInterval: hours(24), mostRemovedPercent: 10 },
    source,
    {
      runtime,
      registry: store.registry,
      users: store.directoryUsers,
      servedDomains: ["example.com"],
      configured: new Set(["hq"]),
      alert: (text) => alerts.push(text),
    },
  );
  const { signal } = new AbortController();
  return {
    runtime,
    store,
    source,
    alerts,
    sync,
    run: (confirmed?: number) => sync.sync({ isFull: false, ...(confirmed !== undefined && { confirmed }) }, signal),
    users: async () =>
      (await store.registry.listUsers()).map(({ presentity }) => presentity.replace("@example.com", "")),
    /** Lets so many minutes pass, and what then happens. */
    pass: (count: number) => runtime.clock.advance(minutes(count)),
    end: () => stores.end(),
  };
}
