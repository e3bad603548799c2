import { type Milliseconds, minutes, seconds } from "../lib/time.ts";
import { describeHealth, isInTrouble, namePart } from "./describe-health.ts";
import type { GatewayCounts, GatewayPart, LiveGateway } from "./live-gateway.ts";

/** Something that is not as it should be, and that administrators are to know of. */
export interface HealthCondition {
  /** What it is about; one condition each. */
  readonly subject: string;
  /** What is wrong with it: an error code, or one word. */
  readonly code: string;
  /** How bad it is; only what gets worse is told again. */
  readonly magnitude: number;
  readonly text: string;
  /** So long it must last before it is told of: most things pass. */
  readonly patience: Milliseconds;
}

const PATIENCE = seconds(30);
/** Calendars are read all the same, and what is read late is read soon. */
const CALENDAR_PATIENCE = minutes(15);

/** What is wrong now; undefined while there is no XMPP server: what depends on it tells nothing, and nobody can be told. */
export function listConditions(
  live: Pick<LiveGateway, "now" | "parts" | "counts">,
): readonly HealthCondition[] | undefined {
  const parts = live.parts();
  const isOffline = parts.some(
    ({ kind, health }) => kind === "xmpp" && (health.state === "down" || health.state === "starting"),
  );
  if (isOffline) return undefined;
  const counts = live.counts();
  const failing = failingPublications(counts);
  const isCounted = (subject: string): boolean => failing.some((each) => each.subject === subject);
  // Of a publisher that is there and refuses, how much it refuses says more than what it said last.
  const ofParts = parts
    .filter((part) => isInTrouble(part) && !(part.health.state === "degraded" && isCounted(namePart(part))))
    .flatMap((part) => conditionOf(part, live) ?? []);
  const isDown = (subject: string): boolean => ofParts.some((each) => each.subject === subject);
  return [...ofParts, ...failing.filter(({ subject }) => !isDown(subject)), ...unknownCalendars(counts)];
}

function conditionOf(part: GatewayPart, live: Pick<LiveGateway, "now">): HealthCondition | undefined {
  const { kind, health } = part;
  if (health.state !== "down" && health.state !== "degraded") return undefined;
  // A directory, and a calendar server that is down, are told of by those who try them again.
  if (kind === "directory" || (kind === "calendar" && health.state === "down")) return undefined;
  const subject = namePart(part);
  return {
    subject,
    code: health.error.code,
    magnitude: 0,
    text: `${subject}: ${describeHealth(health, live.now())}`,
    patience: kind === "calendar" ? CALENDAR_PATIENCE : PATIENCE,
  };
}

/** How many digits a number has: ten times as many are news, one more is none. */
const magnitudeOf = (count: number): number => String(count).length;

const failingPublications = ({ failing }: GatewayCounts): readonly HealthCondition[] =>
  failing.map(({ publisher, count, because }) => ({
    subject: `publisher ${publisher}`,
    code: "failing",
    magnitude: magnitudeOf(count),
    text: `publisher ${publisher}: ${count === 1 ? "1 publication fails" : `${count} publications fail`} and will be tried again: ${because}`,
    patience: minutes(2),
  }));

const unknownCalendars = ({ stale }: GatewayCounts): readonly HealthCondition[] =>
  stale === 0
    ? []
    : [
        {
          subject: "calendars",
          code: "unknown",
          magnitude: magnitudeOf(stale),
          text: `calendars: those of ${stale === 1 ? "1 user" : `${stale} users`} are unknown, so that no meeting is shown of them; user list, why <jid>`,
          patience: CALENDAR_PATIENCE,
        },
      ];
