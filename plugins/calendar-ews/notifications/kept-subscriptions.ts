import type { Mailbox } from "../../../src/core/addresses.ts";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { hours, minutes } from "../../../src/lib/time.ts";
import { after } from "../../../src/ports/after.ts";
import type { PluginMemory } from "../../../src/ports/plugin-memory.ts";
import type { Clock } from "../../../src/ports/runtime.ts";
import type { Delivery } from "../subscribe.ts";

/** A subscription that the server keeps for us, and what leads to the server that has it. */
export interface KeptSubscription {
  readonly id: string;
  readonly kind: Delivery["kind"];
  readonly mailbox: Mailbox;
  readonly anchor: Mailbox;
  /** Affinity cookies, and no others: those may be as good as a password. */
  readonly cookies: string;
}

/** What the kept subscriptions work with. */
export interface KeptDeps {
  /** Whose ids they are: those of another server are of no use. */
  readonly host: string;
  readonly memory: PluginMemory;
  readonly clock: Clock;
  /** Ends one at the server; settles when that is confirmed, rejects when it is not. */
  readonly unsubscribe: (kept: KeptSubscription) => Promise<void>;
}

// So long after the start every group has taken up what is its own; the rest is nobody's.
// So many in a row are not of single subscriptions.
const MOST_FAILURES = 3;
const ORPHANED_AFTER = minutes(5);
// StatusFrequency and pull timeouts are at most a day.
const EXPIRED_AFTER = hours(48);

/**
 * The ids of all subscriptions, remembered until the server has confirmed their end, so that a crash leaves none behind:
 * the next run takes them up again or ends them.
 */
export class KeptSubscriptions {
  readonly #deps: KeptDeps;
  /** What nobody uses now. */
  readonly #idle = new Map<string, KeptSubscription>();
  /** Ids whose end was asked for: not worth taking up. */
  readonly #givenUp = new Set<string>();
  #cancel: () => void = () => undefined;
  #isClosed = false;

  constructor(deps: KeptDeps) {
    this.#deps = deps;
    for (const [id, text] of deps.memory.load()) {
      const entry = decode(id, text);
      if (entry?.host === deps.host) this.#idle.set(id, entry.kept);
      // Those of another server are that one's, unless it is used no more: then they have expired there.
      else if (!entry || deps.clock.now() - entry.at > EXPIRED_AFTER) deps.memory.delete(id);
    }
    if (this.#idle.size > 0) this.#watchOrphans();
  }

  /** How many nobody uses. */
  get idle(): number {
    return this.#idle.size;
  }

  /** For streaming: takes up the largest set of subscriptions that share a server. The mailboxes' others are ended. */
  take(mailboxes: readonly Mailbox[], way: Delivery["kind"]): readonly KeptSubscription[] {
    const wanted = new Set(mailboxes);
    const sets = new Map<string, KeptSubscription[]>();
    const found = [...this.#idle.values()].filter(({ mailbox }) => wanted.has(mailbox));
    for (const kept of found) {
      this.#idle.delete(kept.id);
      if (kept.kind !== "streaming" || way !== "streaming" || this.#givenUp.has(kept.id)) continue;
      const set = sets.get(`${kept.anchor} ${kept.cookies}`) ?? [];
      // A second one of the same mailbox is as useless as one on another server.
      if (!set.some(({ mailbox }) => mailbox === kept.mailbox)) set.push(kept);
      sets.set(`${kept.anchor} ${kept.cookies}`, set);
    }
    const taken = [...sets.values()].sort((a, b) => b.length - a.length)[0] ?? [];
    const rest = new Set(found);
    for (const kept of taken) rest.delete(kept);
    void this.#end([...rest]); // never rejects
    return taken;
  }

  /** Remembers a subscription that was made. */
  put(kept: KeptSubscription): void {
    const { kind, mailbox, anchor } = kept;
    this.#deps.memory.put(
      kept.id,
      JSON.stringify([this.#deps.host, kind, mailbox, anchor, affinityCookies(kept.cookies), this.#deps.clock.now()]),
    );
  }

  /** The server does not know it any more. */
  forget(id: string): void {
    this.#givenUp.delete(id);
    this.#deps.memory.delete(id);
  }

  /** Nobody uses it now: whoever watches its mailbox next may take it up. */
  leave(kept: KeptSubscription): void {
    this.#idle.set(kept.id, kept);
    this.#watchOrphans();
  }

  /** Its end was not confirmed: it is ended later. */
  release(kept: KeptSubscription): void {
    this.#givenUp.add(kept.id);
    this.#idle.set(kept.id, kept);
    this.#watchOrphans();
  }

  /** Ends nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#cancel = () => undefined;
  }

  #watchOrphans(): void {
    this.#cancel();
    if (this.#isClosed) return;
    this.#cancel = after(this.#deps.clock, ORPHANED_AFTER, () => {
      const orphans = [...this.#idle.values()];
      this.#idle.clear();
      void this.#end(orphans); // never rejects
    });
  }

  /** One after the other: they are few, and nobody waits for it. */
  async #end(subscriptions: readonly KeptSubscription[]): Promise<void> {
    const rest = new Set(subscriptions);
    let failures = 0;
    for (const kept of subscriptions) {
      try {
        await this.#deps.unsubscribe(kept);
        this.forget(kept.id);
        rest.delete(kept);
        failures = 0;
      } catch {
        failures++;
        if (failures >= MOST_FAILURES) break; // the server is away, and told of elsewhere
      }
    }
    for (const kept of rest) this.release(kept);
  }
}

const KINDS: readonly string[] = ["streaming", "push", "pull"] satisfies readonly Delivery["kind"][];
const isKind = (text: unknown): text is Delivery["kind"] => typeof text === "string" && KINDS.includes(text);

interface Entry {
  readonly host: string;
  readonly at: number;
  readonly kept: KeptSubscription;
}

function decode(id: string, text: string): Entry | undefined {
  try {
    const parts: unknown = JSON.parse(text);
    if (!Array.isArray(parts)) return undefined;
    const [host, kind, mailbox, anchor, cookies, at]: readonly unknown[] = parts;
    if (typeof host !== "string" || !isKind(kind) || typeof cookies !== "string" || typeof at !== "number")
      return undefined;
    const kept = { id, kind, mailbox: parseMailbox(String(mailbox)), anchor: parseMailbox(String(anchor)), cookies };
    return { host, at, kept };
  } catch {
    return undefined; // of another version of the program
  }
}

/** Of `a=b; c=d` those that lead to the same server (2013 and later; 2010). */
const affinityCookies = (cookies: string): string =>
  cookies
    .split("; ")
    .filter((cookie) => /^(X-BackEndOverrideCookie|exchangecookie)=/i.test(cookie))
    .join("; ");
