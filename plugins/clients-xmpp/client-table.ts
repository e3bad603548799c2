import type { PresentityId } from "../../src/core/addresses.ts";
import { type ClientPresence, sameClientPresence } from "../../src/core/presence.ts";
import { findKeyed, NONE, withoutKeyed } from "../../src/lib/keyed-list.ts";
import type { ClientChange } from "../../src/ports/client-presence-source.ts";
import type { HeardPresence } from "./decode-presence.ts";

/** Resources of one user that are kept; with more, the one heard longest ago goes. */
const MOST_RESOURCES = 50;

/** What is known of all clients, and what each presence changes of it. */
export class ClientTable {
  /** Of each user the clients as they were last heard, the latest last. */
  readonly #users = new Map<PresentityId, readonly ClientPresence[]>();

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
      for (const presence of clients) yield { kind: "present", presentity, presence };
    }
  }

  /** Takes in what was heard; what was known already changes nothing: servers repeat themselves. */
  take(heard: HeardPresence): readonly ClientChange[] {
    if (heard.kind === "gone") return this.#remove(heard.presentity, heard.resource);
    const { presentity, presence } = heard;
    const clients = this.#users.get(presentity) ?? NONE;
    const before = findKeyed(clients, "resource", presence.resource);
    if (before && sameClientPresence(before, presence)) return NONE;
    const others = withoutKeyed(clients, "resource", presence.resource);
    const surplus = others.slice(0, Math.max(0, others.length + 1 - MOST_RESOURCES));
    this.#users.set(presentity, others.slice(surplus.length).concat([presence]));
    const evicted = surplus.map(({ resource }): ClientChange => ({ kind: "gone", presentity, resource }));
    return [...evicted, { kind: "present", presentity, presence }];
  }

  /** An empty resource stands for all of them. */
  #remove(presentity: PresentityId, resource: string): readonly ClientChange[] {
    const clients = this.#users.get(presentity) ?? NONE;
    const left = resource === "" ? NONE : withoutKeyed(clients, "resource", resource);
    if (left.length === clients.length) return NONE;
    if (left.length === 0) this.#users.delete(presentity);
    else this.#users.set(presentity, left);
    return clients
      .filter((each) => !left.includes(each))
      .map((each) => ({ kind: "gone", presentity, resource: each.resource }));
  }
}
