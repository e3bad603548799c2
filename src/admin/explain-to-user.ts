import type { RuleName } from "../core/compose.ts";
import { IN_A_MEETING, type PresenceDocument } from "../core/presence.ts";
import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";
import { stateText } from "../core/texts.ts";
import type { Instant } from "../lib/time.ts";
import type { JournalEntry } from "../ports/journal.ts";
import { describeShow, isCalendarUnknown } from "./describe-document.ts";
import { composeEntry, type Explained } from "./explain-presence.ts";
import { formatDistance, formatMoment } from "./format-moment.ts";

/** The rules of composition in words to the user they were applied to. */
export const OWN_REASONS: Readonly<Record<RuleName, string>> = {
  offline: "none of your clients is online, so your calendar is not shown",
  override: "you asked that your calendar not be shown",
  phone: "you are in a call",
  "client-dnd": "you set “do not disturb” yourself",
  "automatic-replies": "your mailbox answers mail automatically, so you are out of office",
  "calendar-oof": "your calendar says that you are out of office",
  "calendar-busy": "your calendar says that you are busy",
  "calendar-tentative": "your calendar has a tentative entry",
  "calendar-working-elsewhere": "your calendar says that you work elsewhere",
  "calendar-unknown": "your calendar could not be read, so only your clients count",
  client: "your calendar has nothing now, so your own client's status counts",
};

/** True when something from the calendar is seen by watchers. */
export const isCalendarShown = ({ source, activity }: PresenceDocument): boolean =>
  source === "calendar" || activity?.specific === IN_A_MEETING.specific;

/** What `me` answers: how the user is shown, why, until when, and what can be done. */
export function explainToUser(explained: Explained, now: Instant): readonly string[] {
  const { user, entry } = explained;
  const composition = composeEntry(explained, now);
  const document = entry.document ?? composition.document;
  const { because } = composition;
  const rule = because.rule === "client" && isCalendarUnknown(because) ? "calendar-unknown" : because.rule;
  const text = document.text
    ? `“${stateText(TEXT_CATALOGUE, document.text, user.locale)}” (${describeShow(document.show)})`
    : describeShow(document.show);
  const since = entry.composedAt === undefined ? "" : `, since ${formatMoment(entry.composedAt, now)}`;
  const change =
    composition.validUntil === undefined ? [] : [`This changes at ${formatMoment(composition.validUntil, now)}.`];
  return [
    `You are shown as ${text}${since}.`,
    `Why: ${OWN_REASONS[rule]}.`,
    ...change,
    describeKnowledge(entry, now),
    ...describeWays(entry, document, now),
  ];
}

function describeKnowledge({ calendar, calendarError }: JournalEntry, now: Instant): string {
  const read = calendar
    ? `Your calendar was last read ${formatDistance(calendar.heardAt, now)}.`
    : "Your calendar has not been read yet.";
  return calendarError ? `${read} The last try failed; your administrator can see why.` : read;
}

function describeWays({ override }: JournalEntry, document: PresenceDocument, now: Instant): readonly string[] {
  const isOverridden = override !== undefined && (override.until === undefined || override.until > now);
  if (isOverridden) {
    const until = override.until === undefined ? "" : ` until ${formatMoment(override.until, now)}`;
    return [
      `${override.kind === "pause" ? "Paused" : "Ended early"}${until}. To show your calendar again, send: resume`,
    ];
  }
  return [
    isCalendarShown(document) ? "To end this early, send: end" : "To hide your calendar, send: pause, or: pause for 2h",
  ];
}
