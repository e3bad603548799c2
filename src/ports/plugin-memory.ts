/**
 * What an instance of a plugin must not forget over a restart, such as the ids of its subscriptions: small texts by key.
 * Synchronous and local like the journal; durable within two seconds. Never for secrets.
 */
export interface PluginMemory {
  /** All that is remembered. */
  load(): ReadonlyMap<string, string>;
  put(key: string, value: string): void;
  delete(key: string): void;
}
