import type { PresentityId } from "../../src/core/addresses.ts";
import { ownText } from "../../src/lib/own-text.ts";
import type { PluginMemory } from "../../src/ports/plugin-memory.ts";
import { readPresentity } from "./contact-address.ts";

/** One presentity's watchers: each of them is sent every change. */
const MOST_WATCHERS = 5000;

/** Who has subscribed to which contact JID; kept over restarts, as servers keep their side of it. */
export class WatcherBook {
  readonly #memory: PluginMemory;
  readonly #watchers = new Map<PresentityId, Set<PresentityId>>();

  /** Reads what is remembered. */
  constructor(memory: PluginMemory) {
    this.#memory = memory;
    for (const key of memory.load().keys()) {
      const [presentity, watcher] = key.split(" ").map(readPresentity);
      if (presentity && watcher) this.#open(presentity).add(watcher);
    }
  }

  /** How many subscriptions there are. */
  get size(): number {
    return [...this.#watchers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** In the order in which they subscribed. */
  watchersOf(presentity: PresentityId): readonly PresentityId[] {
    return [...(this.#watchers.get(presentity) ?? [])];
  }

  /** Every presentity that has watchers. */
  get presentities(): readonly PresentityId[] {
    return [...this.#watchers.keys()];
  }

  /** True when the watcher stands in the book now; false when there are too many already. */
  add(presentity: PresentityId, watcher: PresentityId): boolean {
    const watchers = this.#open(presentity);
    if (watchers.has(watcher)) return true;
    if (watchers.size >= MOST_WATCHERS) return false;
    watchers.add(ownText(watcher));
    this.#memory.put(keyOf(presentity, watcher), "");
    return true;
  }

  /** No harm when it does not stand there. */
  delete(presentity: PresentityId, watcher: PresentityId): void {
    const watchers = this.#watchers.get(presentity);
    if (!watchers?.delete(watcher)) return;
    if (watchers.size === 0) this.#watchers.delete(presentity);
    this.#memory.delete(keyOf(presentity, watcher));
  }

  #open(presentity: PresentityId): Set<PresentityId> {
    const known = this.#watchers.get(presentity);
    if (known) return known;
    const watchers = new Set<PresentityId>();
    this.#watchers.set(ownText(presentity), watchers);
    return watchers;
  }
}

/** No JID has a space in it. */
const keyOf = (presentity: PresentityId, watcher: PresentityId): string => `${presentity} ${watcher}`;
