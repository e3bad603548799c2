import type { PresentityId } from "../../src/core/addresses.ts";
import { type ClientPresence, sameClientPresence } from "../../src/core/presence.ts";
import type { ClientChange } from "../../src/ports/client-presence-source.ts";
import type { HeardPresence } from "./decode-presence.ts";

/** Resources of one user that are kept; with more, the one heard longest ago goes. */
const MOST_RESOURCES = 50;

/** What is known of all clients, and what each presence changes of it. */
export class ClientTable {
  readonly #users = new Map<PresentityId, Map<string, ClientPresence>>();

  /** True when some client of the presentity is online. */
  has(presentity: PresentityId): boolean {
    return this.#users.has(presentity);
  }

  /** Forgets everything. */
  clear(): void {
    this.#users.clear();
  }

  /** Everything, as changes from nothing. */
  *snapshot(): Generator<ClientChange> {
    for (const [presentity, clients] of this.#users) {
      for (const presence of clients.values()) yield { kind: "present", presentity, presence };
    }
  }

  /** Takes in what was heard; what was known already changes nothing: servers repeat themselves. */
  take(heard: HeardPresence): readonly ClientChange[] {
    if (heard.kind === "gone") return this.#remove(heard.presentity, heard.resource);
    const { presentity, presence } = heard;
    const clients = this.#users.get(presentity) ?? new Map<string, ClientPresence>();
    const before = clients.get(presence.resource);
    if (before && sameClientPresence(before, presence)) return [];
    clients.delete(presence.resource);
    const [oldest] = clients.keys();
    const evicted = clients.size >= MOST_RESOURCES && oldest !== undefined ? this.#remove(presentity, oldest) : [];
    clients.set(presence.resource, presence);
    this.#users.set(presentity, clients);
    return [...evicted, { kind: "present", presentity, presence }];
  }

  /** An empty resource stands for all of them. */
  #remove(presentity: PresentityId, resource: string): readonly ClientChange[] {
    const clients = this.#users.get(presentity);
    const gone = [...(clients?.keys() ?? [])].filter((each) => resource === "" || each === resource);
    for (const each of gone) clients?.delete(each);
    if (clients?.size === 0) this.#users.delete(presentity);
    return gone.map((each) => ({ kind: "gone", presentity, resource: each }));
  }
}
