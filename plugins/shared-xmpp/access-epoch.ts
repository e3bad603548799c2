import type { BareJid } from "../../src/core/addresses.ts";
import { Broadcast } from "../../src/lib/broadcast.ts";
import type { DomainAccess, XmppLink } from "../../src/ports/xmpp-link.ts";

/**
 * A publisher's epoch as a function of what the link may do: follows the link from `run` on, so that `current` and what
 * is yielded never disagree.
 */
export class AccessEpoch {
  readonly #link: XmppLink;
  readonly #compute: (accesses: readonly DomainAccess[]) => string | undefined;
  readonly #accesses = new Map<BareJid, DomainAccess>();
  readonly #changes = new Broadcast<string | undefined>();
  #current: string | undefined;

  /** @param compute names the epoch for the domains known at present; none is known while offline */
  constructor(link: XmppLink, compute: (accesses: readonly DomainAccess[]) => string | undefined) {
    this.#link = link;
    this.#compute = compute;
  }

  /** The epoch now. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Follows the link until the signal aborts; then rejects with its reason. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#link.watch(signal)) {
        if (event.kind === "access") this.#accesses.set(event.access.domain, event.access);
        else this.#accesses.clear();
        this.refresh();
      }
    } finally {
      this.#accesses.clear();
      this.refresh();
    }
  }

  /** Computes the epoch anew; for what it depends on beside the link. */
  refresh(): void {
    const epoch = this.#compute([...this.#accesses.values()]);
    if (epoch === this.#current) return;
    this.#current = epoch;
    this.#changes.push(epoch);
  }

  /** Yields after every change. */
  watch(signal: AbortSignal): AsyncIterable<string | undefined> {
    return this.#changes.read(() => [], signal);
  }
}
