import type { BusyInterval } from "../core/busy-time.ts";
import { type Composition, composePresence, type InputReport } from "../core/compose.ts";
import type { CompositionPolicy } from "../core/policy.ts";
import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";
import { reservedTexts } from "../core/texts.ts";
import { policyFromParameters } from "../engine/policy-from-parameters.ts";
import { hours, type Instant, plus } from "../lib/time.ts";
import type { JournalEntry, OutboxRow, Published } from "../ports/journal.ts";
import { readParameters } from "../ports/parameters.ts";
import type { Registry, User } from "../ports/registry.ts";
import type { Field } from "./command.ts";
import { describeDocument, RULE_TEXTS } from "./describe-document.ts";
import { formatDistance, formatMoment, formatTime } from "./format-moment.ts";

/** One presentity, looked at. */
export interface Explained {
  readonly user: User;
  readonly entry: JournalEntry;
  readonly policy: CompositionPolicy;
}

const ENTRIES_BACK = hours(2);
const MOST_ENTRIES = 6;

/** The policy in force. */
export async function loadPolicy(registry: Registry): Promise<CompositionPolicy> {
  const stored = await registry.listParameters();
  return policyFromParameters(
    readParameters(() => stored),
    reservedTexts(TEXT_CATALOGUE),
  );
}

/** What composition makes of the entry's inputs now; the recorded document is what is shown. */
export const composeEntry = ({ entry, policy }: Explained, now: Instant): Composition =>
  composePresence(
    {
      clients: entry.clients,
      ...(entry.calendar && { calendar: entry.calendar }),
      ...(entry.override && { override: entry.override }),
    },
    policy,
    now,
  );

/** Why the presentity is shown as it is, in under one screen: result, rule, every input, calendar, publishers, next change. */
export function explainPresence(explained: Explained, now: Instant): readonly Field[] {
  const { user, entry } = explained;
  const composition = composeEntry(explained, now);
  const because = entry.because ?? composition.because;
  const since = entry.composedAt === undefined ? "" : `, since ${formatMoment(entry.composedAt, now)}`;
  return [
    ["shown", entry.document ? `${describeDocument(entry.document)}${since}` : "nothing yet"],
    ["rule", `${because.rule}: ${RULE_TEXTS[because.rule]}`],
    ...because.inputs.map((input) => describeInput(input, entry, now)),
    ["entries around now", describeEntries(entry.calendar?.intervals ?? [], now)],
    ["mailbox", `${user.mailbox} on gateway ${user.gateway}${user.isEnabled ? "" : " (user is disabled)"}`],
    ["calendar read", entry.calendar ? formatMoment(entry.calendar.heardAt, now) : "never"],
    ...describeCalendarError(explained, now),
    ...describePublishers(entry, now),
    ["next change", composition.validUntil === undefined ? "none known" : formatMoment(composition.validUntil, now)],
  ];
}

function describeInput(input: InputReport, entry: JournalEntry, now: Instant): Field {
  const heardAt = input.input === "calendar" ? entry.calendar?.heardAt : input.heardAt;
  const age =
    heardAt === undefined ? "" : `, ${input.input === "client" ? "said" : "known"} ${formatDistance(heardAt, now)}`;
  const until = input.until === undefined ? "" : `, until ${formatTime(input.until, now)}`;
  return [input.input, `${input.state}${until}${age}${input.hasWon ? " — decides" : ""}`];
}

/** Entries that ended lately, are under way, or come next: `09:00:00 UTC to 10:00:00 UTC busy (now)`. */
function describeEntries(intervals: readonly BusyInterval[], now: Instant): string {
  const near = intervals
    .filter(({ end, status }) => status !== "free" && end > plus(now, -ENTRIES_BACK))
    .sort((a, b) => a.start - b.start)
    .slice(0, MOST_ENTRIES);
  const texts = near.map(({ start, end, status }) => {
    const isNow = start <= now && now < end;
    return `${formatTime(start, now)} to ${formatTime(end, now)} ${status}${isNow ? " (now)" : ""}`;
  });
  return texts.join("; ") || "none";
}

function describeCalendarError({ user, entry }: Explained, now: Instant): Field[] {
  const error = entry.calendarError;
  if (!error) return [];
  const text = `${error.message} (${error.code}), ${formatDistance(error.at, now)}. Try: gateway test ${user.gateway} user=${user.mailbox}`;
  return [["calendar error", text]];
}

function describePublishers({ published, outbox }: JournalEntry, now: Instant): Field[] {
  const names = new Set([...published.map((each) => each.publisher), ...outbox.map((each) => each.publisher)]);
  return [...names].sort().map((name): Field => {
    const shown = published.find((each) => each.publisher === name);
    const row = outbox.find((each) => each.publisher === name);
    return [`publisher ${name}`, [describePublished(shown, now), ...(row ? [describeRow(row, now)] : [])].join("; ")];
  });
}

const describePublished = (shown: Published | undefined, now: Instant): string =>
  shown ? `shows ${describeDocument(shown.document)}, since ${formatMoment(shown.at, now)}` : "shows nothing";

function describeRow(row: OutboxRow, now: Instant): string {
  const what = row.kind === "retract" ? "taking it back" : describeDocument(row.document);
  const pending = `pending: ${what}, due since ${formatDistance(row.since, now)}`;
  if (row.failures === 0) return pending;
  const times = row.failures === 1 ? "once" : `${row.failures} times`;
  return `${pending}, failed ${times}, next try ${formatDistance(row.notBefore, now)}: ${row.lastError ?? "unknown error"}`;
}
