import type { Because, RuleName } from "../core/compose.ts";
import type { PresenceDocument, TextKey } from "../core/presence.ts";
import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";

const textOf = (key: TextKey): string => TEXT_CATALOGUE.en[key];

/** What is shown in short: `dnd, text "In a meeting", activity in_a_meeting`. Never the user's own status text. */
export function describeDocument({ show, text, activity }: PresenceDocument): string {
  const parts: string[] = [show];
  if (text) parts.push(`text "${textOf(text)}"`);
  if (activity) parts.push(`activity ${activity.specific ?? activity.general}`);
  return parts.join(", ");
}

/** What a publisher shows of a document that was reduced to what it can carry. */
export function describePublication({ show, text, activity }: PresenceDocument): string {
  const described = describeDocument({ show, source: "client", ...(text && { text }), ...(activity && { activity }) });
  if (show !== "available") return described;
  return text || activity ? described.replace("available, ", "") : "nothing of the calendar";
}

/** The rules of composition in words, for `why`. */
const RULE_TEXTS: Readonly<Record<RuleName, string>> = {
  offline: "none of the user's clients is online, so the calendar is not shown",
  override: "the user has asked that the calendar not be shown",
  "own-state": "the user has asked to be shown so",
  phone: "the user is in a call",
  "client-dnd": "a client says do not disturb, which stands before the calendar",
  "automatic-replies": "the mailbox has automatic replies on, which are set to count as out of office",
  "calendar-oof": "the calendar says out of office",
  "calendar-busy": "the calendar says busy",
  "calendar-tentative": "the calendar says tentative, which is set to count as a meeting",
  "calendar-working-elsewhere": "the calendar says working elsewhere, which is set to count as a meeting",
  "calendar-unknown": "the calendar is unknown",
  client: "the calendar asks for nothing, so the strongest client speaks",
};

/** True when nothing is known of the calendar, so that it could not decide. */
export const isCalendarUnknown = ({ inputs }: Because): boolean =>
  inputs.some(({ input, state }) => input === "calendar" && state.startsWith("unknown"));

/** `calendar-busy: the calendar says busy`. */
export function describeRule(because: Because): string {
  const { rule } = because;
  const isUnknown = rule === "client" && isCalendarUnknown(because);
  return `${rule}: ${isUnknown ? "the calendar is unknown, so the strongest client speaks" : RULE_TEXTS[rule]}`;
}
