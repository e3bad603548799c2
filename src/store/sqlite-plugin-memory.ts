import { seconds } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Health } from "../ports/plugin.ts";
import type { PluginMemory } from "../ports/plugin-memory.ts";
import type { Runtime } from "../ports/runtime.ts";
import { LOCK_PATIENCE, NO_PATIENCE, type StoreDatabase } from "./database.ts";
import { isRefusedWrite } from "./store-errors.ts";

/** Whose memory it is; that of a calendar server's plugin is deleted with the server. */
export interface PluginInstance {
  readonly kind: string;
  readonly name: string;
}

/** Thousands of subscriptions are made within a second or two: they share a transaction. */
const GATHER = seconds(1);

/** What waits for one instance: the newest value of each key, undefined where it is deleted. */
interface Waiting {
  readonly instance: PluginInstance;
  readonly values: Map<string, string | undefined>;
}

const idOf = ({ kind, name }: PluginInstance): string => `${kind} ${name}`;

/**
 * What plugins remember, in SQLite. Writes wait up to a second and share one transaction; those that cannot be written
 * wait on, the newest of each key only, and are tried again each second.
 */
export class SqlitePluginMemory {
  readonly #database: StoreDatabase;
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #waiting = new Map<string, Waiting>();
  #cancel: (() => void) | undefined;
  #failure: { readonly error: GatewayError; readonly since: ReturnType<Runtime["clock"]["now"]> } | undefined;
  #isClosed = false;

  constructor(database: StoreDatabase, runtime: Pick<Runtime, "clock" | "log">) {
    this.#database = database;
    this.#runtime = runtime;
    this.#statements = prepareStatements(database);
  }

  /** The instance's memory; what is put after `close` is forgotten. */
  of(instance: PluginInstance): PluginMemory {
    return {
      load: () => this.#load(instance),
      put: (key, value) => this.#set(instance, key, value),
      delete: (key) => this.#set(instance, key, undefined),
    };
  }

  /** `degraded` while something could not be written. */
  health(): Health {
    return this.#failure ? { state: "degraded", ...this.#failure } : { state: "ok" };
  }

  /** Tries a last time to write what waits, and throws when that fails. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    this.#commit();
  }

  #load(instance: PluginInstance): ReadonlyMap<string, string> {
    const loaded = new Map(this.#database.read(() => this.#statements.list(idOf(instance))));
    for (const [key, value] of this.#waiting.get(idOf(instance))?.values ?? []) {
      if (value === undefined) loaded.delete(key);
      else loaded.set(key, value);
    }
    return loaded;
  }

  #set(instance: PluginInstance, key: string, value: string | undefined): void {
    if (this.#isClosed) return;
    const id = idOf(instance);
    const waiting = this.#waiting.get(id) ?? { instance, values: new Map() };
    waiting.values.set(key, value);
    this.#waiting.set(id, waiting);
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel ??= after(this.#runtime.clock, GATHER, () => this.#commitWhenDue());
  }

  #commitWhenDue(): void {
    this.#cancel = undefined;
    // A second attempt does not wait for a lock: the event loop has better things to do, and a third one follows.
    const isRetry = this.#failure !== undefined;
    if (isRetry) this.#database.setPatience(NO_PATIENCE);
    try {
      this.#commit();
    } catch {
      this.#schedule(); // recorded and logged by #commit
    } finally {
      if (isRetry) this.#database.setPatience(LOCK_PATIENCE);
    }
  }

  #commit(): void {
    if (this.#waiting.size === 0) return;
    try {
      for (const waiting of this.#waiting.values()) this.#write(waiting);
    } catch (error) {
      this.#noteFailure(toGatewayError(error));
      throw error;
    }
    if (this.#failure) this.#runtime.log.info("store.write-recovered", { code: this.#failure.error.code });
    this.#failure = undefined;
  }

  #write({ instance, values }: Waiting): void {
    const id = idOf(instance);
    const server = instance.kind === "calendar" ? instance.name : null;
    try {
      this.#database.write(() => {
        for (const [key, value] of values) {
          if (value === undefined) this.#statements.delete(id, key);
          else this.#statements.replace(id, key, value, server);
        }
      });
    } catch (error) {
      // The calendar server was deleted while its plugin was still at work: there is nothing to remember any more.
      if (!isRefusedWrite(error)) throw error;
    }
    this.#waiting.delete(id);
  }

  #noteFailure(error: GatewayError): void {
    if (this.#failure?.error.code !== error.code) {
      this.#runtime.log.error("store.write-failed", { code: error.code, message: error.message });
    }
    this.#failure = { error, since: this.#failure?.since ?? this.#runtime.clock.now() };
  }
}

function prepareStatements(database: StoreDatabase) {
  const list = database.prepare<[string], { key: string; value: string }>(
    "SELECT key, value FROM plugin_memory WHERE instance = ?",
  );
  const replace = database.prepare<[string, string, string, string | null]>(`
    INSERT INTO plugin_memory (instance, key, value, server) VALUES (?, ?, ?, ?)
    ON CONFLICT (instance, key) DO UPDATE SET value = excluded.value`);
  const remove = database.prepare<[string, string]>("DELETE FROM plugin_memory WHERE instance = ? AND key = ?");
  return {
    list: (instance: string) => list.all(instance).map(({ key, value }) => [key, value] as const),
    replace: (instance: string, key: string, value: string, server: string | null) =>
      replace.run(instance, key, value, server),
    delete: (instance: string, key: string) => remove.run(instance, key),
  };
}
