import type { BusyInterval } from "../core/busy-time.ts";
import { type Because, type Composition, composePresence, type InputReport } from "../core/compose.ts";
import type { CompositionPolicy } from "../core/policy.ts";
import { isCandidate } from "../core/server-pool.ts";
import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";
import { reservedTexts } from "../core/texts.ts";
import { policyFromParameters } from "../engine/policy-from-parameters.ts";
import { hours, type Instant, plus } from "../lib/time.ts";
import type { JournalEntry, OutboxRow, Published } from "../ports/journal.ts";
import { readParameters } from "../ports/parameters.ts";
import type { PublisherDetail } from "../ports/presence-publisher.ts";
import type { CalendarServer, Registry, User } from "../ports/registry.ts";
import type { Field } from "./command.ts";
import { describeDocument, describePublication, describeRule } from "./describe-document.ts";
import { describeHealth, isInTrouble, namePart } from "./describe-health.ts";
import { describeDetails } from "./describe-publication.ts";
import { formatDistance, formatMoment, formatTime } from "./format-moment.ts";
import type { GatewayPart } from "./live-gateway.ts";
import { whyLeftOut } from "./opt-out.ts";

/** One presentity, looked at. */
export interface Explained {
  readonly user: User;
  readonly entry: JournalEntry;
  readonly policy: CompositionPolicy;
  /** The server that the mailbox is on, as configured. */
  readonly server?: CalendarServer;
  /** The running gateway's parts; absent while it is stopped. */
  readonly parts?: readonly GatewayPart[];
  /** What each publisher knows of the presentity's publication. */
  readonly details?: (publisher: string) => readonly PublisherDetail[];
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
export const composeEntry = ({ entry, policy }: Pick<Explained, "entry" | "policy">, now: Instant): Composition =>
  composePresence(
    {
      clients: entry.clients,
      ...(entry.calendar && { calendar: entry.calendar }),
      ...(entry.automaticReplies && { automaticReplies: entry.automaticReplies }),
      ...(entry.override && { override: entry.override }),
    },
    policy,
    now,
  );

/** Why the presentity is shown as it is, in under one screen: result, rule, every input, calendar, publishers, next change. */
export function explainPresence(explained: Explained, now: Instant): readonly Field[] {
  const { user, entry } = explained;
  const composition = composeEntry(explained, now);
  const { because } = composition;
  const leftOut = whyLeftOut(user);
  const nextChange = leftOut ? undefined : composition.validUntil;
  return [
    ...(explained.parts ? [] : [STOPPED]),
    ...(leftOut ? [describeLeftOut(user, leftOut)] : describeResult(entry, because, now)),
    ...describeTrouble(explained, now),
    ...because.inputs.map((input) => describeInput(leftOut ? { ...input, hasWon: false } : input, entry, now)),
    ["entries around now", describeEntries(entry.calendar?.intervals ?? [], now)],
    ["mailbox", `${user.mailbox} on ${describeServer(explained)}`],
    ["calendar read", entry.calendar ? formatMoment(entry.calendar.heardAt, now) : "never"],
    ...describeCalendarError(explained, now),
    ...describePublishers(explained, now),
    ["next change", nextChange === undefined ? "none known" : formatMoment(nextChange, now)],
  ];
}

const serverOf = ({ gateway }: User, { server }: JournalEntry): string => server ?? gateway;

/** Which server of a pool or of a successor it is matters to whoever looks for the fault. */
function describeServer({ user: { gateway }, entry: { server: name }, server }: Explained): string {
  if (name === undefined || name === gateway) return `gateway ${gateway}`;
  const isOfPool = server === undefined || isCandidate(gateway, server);
  return isOfPool ? `gateway ${name} of the pool ${gateway}` : `gateway ${name}, which follows on ${gateway}`;
}

const STOPPED: Field = ["gateway", "not running; this is what it knew last"];

const describeLeftOut = ({ isEnabled, presentity }: User, reason: string): Field => [
  "shown",
  `nothing of the calendar: ${reason}, and contacts see the clients' own presence.${isEnabled ? "" : ` Use: user enable ${presentity}`}`,
];

function describeResult(entry: JournalEntry, because: Because, now: Instant): Field[] {
  const since = entry.composedAt === undefined ? "" : `, since ${formatMoment(entry.composedAt, now)}`;
  return [
    ["shown", entry.document ? `${describeDocument(entry.document)}${since}` : "nothing yet"],
    ["rule", describeRule(because)],
  ];
}

/** The parts that this presentity needs and that do not work: what is said below may be wrong because of them. */
function describeTrouble({ user, entry, parts = [] }: Explained, now: Instant): Field[] {
  const concerns = ({ kind, name }: GatewayPart): boolean =>
    kind !== "calendar" || (name === serverOf(user, entry) && entry.calendarError === undefined);
  return parts
    .filter((part) => isInTrouble(part) && concerns(part))
    .map((part): Field => [`trouble with ${namePart(part)}`, describeHealth(part.health, now)]);
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
  const text = `${error.message} (${error.code}), ${formatDistance(error.at, now)}. Try: gateway test ${serverOf(user, entry)} user=${user.mailbox}`;
  return [["calendar error", text]];
}

function describePublishers(explained: Explained, now: Instant): Field[] {
  const { entry, parts = [], details = () => [] } = explained;
  const { published, outbox } = entry;
  const names = new Set([...published.map((each) => each.publisher), ...outbox.map((each) => each.publisher)]);
  return [...names].sort().map((name): Field => {
    const shown = published.find((each) => each.publisher === name);
    const row = outbox.find((each) => each.publisher === name);
    const health = parts.find((part) => part.kind === "publisher" && part.name === name)?.health;
    const isIdle = health?.state === "ok" && health.isIdle === true;
    const condition = row && health?.state === "ok" && health.detail !== undefined ? [health.detail] : [];
    const known = describeDetails(details(name), now);
    // An idle publisher shows nothing, whatever it has published.
    const texts = [
      describePublished(isIdle ? undefined : shown, now),
      ...(row ? [describeRow(row, now)] : []),
      ...condition,
    ];
    if (known !== "") texts.push(known);
    return [`publisher ${name}`, texts.join("; ")];
  });
}

function describePublished(shown: Published | undefined, now: Instant): string {
  if (!shown) return "shows nothing";
  const address = shown.sip === undefined ? "" : ` under ${shown.sip}`;
  return `shows ${describePublication(shown.document)}${address}, since ${formatMoment(shown.at, now)}`;
}

function describeRow(row: OutboxRow, now: Instant): string {
  const what = row.kind === "retract" ? "taking it back" : describePublication(row.document);
  const pending = `pending: ${what}, ordered ${formatDistance(row.since, now)}`;
  // Without an error nothing has failed: it is not known whether the server took what it had before a restart.
  if (row.failures === 0 || row.lastError === undefined) return pending;
  const times = row.failures === 1 ? "once" : `${row.failures} times`;
  return `${pending}, failed ${times}, next try ${formatDistance(row.notBefore, now)}: ${row.lastError}`;
}
