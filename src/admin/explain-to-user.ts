import type { Override, RuleName } from "../core/compose.ts";
import { IN_A_MEETING, type PresenceDocument } from "../core/presence.ts";
import type { Instant } from "../lib/time.ts";
import type { JournalEntry } from "../ports/journal.ts";
import { isCalendarUnknown } from "./describe-document.ts";
import { composeEntry, type Explained } from "./explain-presence.ts";
import type { ChatTextKey } from "./languages/chat-texts.ts";
import type { Speech } from "./speech.ts";

/** The rules of composition in words to the user they were applied to. */
const OWN_REASONS = {
  offline: "becauseOffline",
  override: "becausePaused",
  "own-state": "becauseSet",
  phone: "becausePhone",
  "client-dnd": "becauseDnd",
  "automatic-replies": "becauseReplies",
  "calendar-oof": "becauseOof",
  "calendar-busy": "becauseBusy",
  "calendar-tentative": "becauseTentative",
  "calendar-working-elsewhere": "becauseElsewhere",
  "calendar-unknown": "becauseUnknown",
  client: "becauseClient",
} as const satisfies Readonly<Record<RuleName, ChatTextKey>>;

/** Why, to the user. */
export const sayReason = (speech: Speech, rule: RuleName): string => speech.say(OWN_REASONS[rule], {});

/** True when something from the calendar is seen by watchers. */
export const isCalendarShown = ({ source, activity }: PresenceDocument): boolean =>
  source === "calendar" || activity?.specific === IN_A_MEETING.specific;

/** What `me` answers: how the user is shown, why, since and until when, how fresh that is, and what can be done. */
export function explainToUser(explained: Explained, speech: Speech, now: Instant): readonly string[] {
  const { entry } = explained;
  const { because, document: composed, validUntil } = composeEntry(explained, now);
  const document = entry.document ?? composed;
  const { composedAt } = entry;
  // A call is not among what the journal knows: what is shown tells of it.
  const isInCall = document.source === "phone";
  const rule = because.rule === "client" && isCalendarUnknown(because) ? "calendar-unknown" : because.rule;
  const change = isInCall ? undefined : validUntil;
  return [
    speech.say("shownAs", { state: speech.state(document.show, document.text) }),
    sayReason(speech, isInCall ? "phone" : rule),
    ...(composedAt === undefined ? [] : [speech.say("since", { when: speech.moment(composedAt, now) })]),
    ...(change === undefined ? [] : [speech.say("nextChange", { when: speech.moment(change, now) })]),
    ...describeKnowledge(entry, speech, now),
    ...describeWays(entry, { document, speech, now, isAsAsked: rule === "own-state" && !isInCall }),
  ];
}

function describeKnowledge({ calendar, calendarError }: JournalEntry, speech: Speech, now: Instant): readonly string[] {
  const read = calendar
    ? speech.say("calendarRead", { when: speech.distance(calendar.heardAt, now) })
    : speech.say("calendarUnread", {});
  return calendarError ? [read, speech.say("readFailed", {})] : [read];
}

function describeWays(
  { override }: JournalEntry,
  {
    document,
    speech,
    now,
    isAsAsked,
  }: { document: PresenceDocument; speech: Speech; now: Instant; isAsAsked: boolean },
): readonly string[] {
  if (override !== undefined && (override.until === undefined || override.until > now)) {
    const until =
      override.until === undefined ? [] : [speech.say("until", { when: speech.moment(override.until, now) })];
    const asked = isAsAsked ? [] : [describeOverride(override, speech)];
    return [...asked, ...until, speech.say("toResume", { command: "resume" })];
  }
  return [
    isCalendarShown(document)
      ? speech.say("toEnd", { command: "end" })
      : speech.say("toPause", { command: "pause for 2h" }),
  ];
}

/** What the user asked for, whether it is to be seen or not. */
function describeOverride(override: Override, speech: Speech): string {
  if (override.kind === "set") return speech.say("asked", { state: speech.state(override.show) });
  return speech.say(override.kind === "pause" ? "paused" : "ended", {});
}
