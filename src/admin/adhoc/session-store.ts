import type { PresentityId } from "../../core/addresses.ts";
import { type Instant, minutes } from "../../lib/time.ts";
import type { AdhocCommand } from "./adhoc-command.ts";
import type { Answers, FormStep } from "./form.ts";

/** A command that somebody is filling in. */
export interface AdhocSession {
  readonly id: string;
  /** The full JID that began it: nobody else may go on with it, not even the same person elsewhere. */
  readonly owner: string;
  readonly person: PresentityId;
  readonly command: AdhocCommand;
  /** What was entered in the forms before the one that is shown, and in that one before it was refused. */
  readonly entered: readonly Answers[];
  /** The form that is shown; counted from 0 by `index`. */
  readonly shown: FormStep;
  readonly index: number;
}

interface Kept {
  readonly session: AdhocSession;
  readonly usedAt: Instant;
}

/** What is not gone on with is forgotten, secrets included. */
const LONGEST_PAUSE = minutes(10);
const MOST_OF_ONE = 5;
const MOST = 1000;

/** The sessions of ad-hoc commands, in the order of their last use. Bounded for one person and in all. */
export class SessionStore {
  readonly #kept = new Map<string, Kept>();

  /** The owner's session; `undefined` for one that is unknown or somebody else's, which nobody may tell apart. */
  find(id: string, owner: string, now: Instant): AdhocSession | "expired" | undefined {
    const kept = this.#kept.get(id);
    if (kept?.session.owner !== owner) return undefined;
    if (!isOver(kept, now)) return kept.session;
    this.#kept.delete(id);
    return "expired";
  }

  /** Keeps the session as it is now. The oldest of a person, and of all, makes way. */
  put(session: AdhocSession, now: Instant): void {
    this.sweep(now);
    this.#kept.delete(session.id);
    const own = [...this.#kept.values()].filter((kept) => kept.session.person === session.person);
    if (own.length >= MOST_OF_ONE) this.#drop(own[0]?.session.id);
    else if (this.#kept.size >= MOST) this.#drop(this.#kept.keys().next().value);
    this.#kept.set(session.id, { session, usedAt: now });
  }

  /** Forgets the session. */
  delete(id: string): void {
    this.#kept.delete(id);
  }

  /** Forgets what was not gone on with. */
  sweep(now: Instant): void {
    for (const [id, kept] of this.#kept) if (isOver(kept, now)) this.#kept.delete(id);
  }

  #drop(id: string | undefined): void {
    if (id !== undefined) this.#kept.delete(id);
  }
}

/** A clock that was set back ends what it would keep for too long. */
const isOver = ({ usedAt }: Kept, now: Instant): boolean => now < usedAt || now - usedAt >= LONGEST_PAUSE;
