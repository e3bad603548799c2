import { type Instant, minutes, seconds } from "../lib/time.ts";
import type { HealthCondition } from "./health-conditions.ts";

/** How often conditions are looked at. */
export const LOOK_INTERVAL = seconds(30);
/** What has worked for so long works again. */
const RECOVERY = minutes(5);

/** A subject that was in trouble lately. */
interface Case {
  /** Since when it is in trouble without a break, or works without a break. */
  readonly since: Instant;
  readonly isInTrouble: boolean;
  /** What was told of this trouble: how bad, by code. */
  readonly told: ReadonlyMap<string, number>;
}

/** Every case by its subject. */
export type HealthCases = ReadonlyMap<string, Case>;

/**
 * What is to be told now, and what to remember: each condition once when it has lasted, again only when it is another one
 * or has become worse, and once more when its subject has worked for a while. Pure.
 */
export function stepNotices(
  cases: HealthCases,
  conditions: readonly HealthCondition[],
  now: Instant,
): { readonly cases: HealthCases; readonly notices: readonly string[] } {
  const notices: string[] = [];
  const next = new Map<string, Case>();
  const present = new Map(conditions.map((each) => [each.subject, each]));
  for (const subject of new Set([...cases.keys(), ...present.keys()])) {
    const condition = present.get(subject);
    const before = cases.get(subject);
    const after = condition ? worse(before, condition, { now, notices }) : better(before, subject, { now, notices });
    if (after) next.set(subject, after);
  }
  return { cases: next, notices };
}

interface Step {
  readonly now: Instant;
  readonly notices: string[];
}

function worse(before: Case | undefined, condition: HealthCondition, { now, notices }: Step): Case {
  const { code, magnitude, text, patience } = condition;
  const told = before?.told ?? new Map<string, number>();
  const since = before?.isInTrouble ? earlierOf(before.since, now) : now;
  const isNews = magnitude > (told.get(code) ?? -1);
  if (!isNews || now - since < patience) return { since, isInTrouble: true, told };
  notices.push(text);
  return { since, isInTrouble: true, told: new Map([...told, [code, magnitude]]) };
}

function better(before: Case | undefined, subject: string, { now, notices }: Step): Case | undefined {
  if (!before || before.told.size === 0) return undefined;
  const since = before.isInTrouble ? now : earlierOf(before.since, now);
  if (now - since < RECOVERY) return { since, isInTrouble: false, told: before.told };
  notices.push(`${subject}: in order again.`);
  return undefined;
}

/** A clock that was set back lets nothing wait for longer. */
const earlierOf = (since: Instant, now: Instant): Instant => (since > now ? now : since);
