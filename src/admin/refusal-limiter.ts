import { hours, type Instant, type Milliseconds, minutes } from "../lib/time.ts";
import type { Registry } from "../ports/registry.ts";

const AUDIT_PAUSE = minutes(1);
const MOST_AUDITED_PER_MINUTE = 60;
const ANSWER_PAUSE = hours(24);
const MOST_REMEMBERED = 10_000;

/** Keeps those who are refused from flooding the audit with lines, and others with our answers. Bounded in memory. */
export class RefusalLimiter {
  readonly #audited = new Map<string, Instant>();
  readonly #answered = new Map<string, Instant>();
  #minute = 0;
  #inMinute = 0;

  /** Writes it to the audit: at most once a person and minute, and at most 60 times a minute over all. */
  async record(
    registry: Pick<Registry, "recordAudit">,
    { person, detail, at }: { readonly person: string; readonly detail: string; readonly at: Instant },
  ): Promise<void> {
    if (!this.#mayAudit(person, at)) return;
    await registry.recordAudit({ at, actor: person, action: "command.refused", subject: person, detail });
  }

  /** True once a stranger and day: two programs must not go on refusing each other. */
  mayAnswer(stranger: string, now: Instant): boolean {
    return isFirst(this.#answered, stranger, now, ANSWER_PAUSE);
  }

  #mayAudit(sender: string, now: Instant): boolean {
    const minute = Math.floor(now / AUDIT_PAUSE);
    if (minute !== this.#minute) this.#inMinute = 0;
    this.#minute = minute;
    if (this.#inMinute >= MOST_AUDITED_PER_MINUTE || !isFirst(this.#audited, sender, now, AUDIT_PAUSE)) return false;
    this.#inMinute++;
    return true;
  }
}

/** A clock that was set back forgets what it knew. */
function isFirst(seen: Map<string, Instant>, jid: string, now: Instant, pause: Milliseconds): boolean {
  const last = seen.get(jid);
  if (last !== undefined && last <= now && now - last < pause) return false;
  seen.delete(jid);
  seen.set(jid, now);
  const [oldest] = seen.keys();
  if (seen.size > MOST_REMEMBERED && oldest !== undefined) seen.delete(oldest);
  return true;
}
