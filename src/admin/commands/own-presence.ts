import { nextShownStart, type Override, SETTABLE_SHOWS, shownBlockEnd } from "../../core/compose.ts";
import { earlier, formatInstant, type Instant } from "../../lib/time.ts";
import { nextTimeOfDay } from "../../lib/time-zone.ts";
import type { JournalEntry } from "../../ports/journal.ts";
import type { SettledResult } from "../command.ts";
import { composeEntry, loadPolicy } from "../explain-presence.ts";
import { explainToUser, isCalendarShown, sayReason } from "../explain-to-user.ts";
import { findEntry, recordChange } from "../find-entities.ts";
import { formatTime } from "../format-moment.ts";
import { defineOwnCommand, type OwnContext, Refusal, replaceOverride } from "../own-command.ts";
import { readUntil, UNTIL_EXAMPLES } from "../read-until.ts";

const HOW_LONG =
  "How long: for 45m, for 2h, for 1d (a bare number is minutes), until 15:30, until tomorrow 9:00, until 2026-12-24.";

/** `me`. */
export const me = defineOwnCommand({
  name: "me",
  summary: "doesMe",
  examples: ["me"],
  run: async (context) => {
    const { user, speech, now } = context;
    const entry = findEntry(context, user.presentity);
    if (!entry) return { kind: "text", text: speech.say("unknownYet", {}) };
    const explained = { user, entry, policy: await loadPolicy(context.registry) };
    return { kind: "lines", lines: explainToUser(explained, speech, now) };
  },
});

/** `pause`. */
export const pause = defineOwnCommand({
  name: "pause",
  summary: "doesPause",
  form: "[for <duration>|until <time>]",
  fields: { time: HOW_LONG },
  examples: ["pause", "pause for 2h", "pause until 15:30"],
  run: async (context, words) => {
    const { now, user } = context;
    const until = words === "" ? undefined : readEnd(context, words);
    replaceOverride(context, { kind: "pause", setAt: now, ...(until !== undefined && { until }) });
    await recordChange(context, {
      action: "override.paused",
      subject: user.presentity,
      detail: until === undefined ? "" : `until ${formatTime(until, now)}`,
    });
    return confirm(context, [context.speech.say("paused", {})], until);
  },
});

/** `resume`. */
export const resume = defineOwnCommand({
  name: "resume",
  summary: "doesResume",
  examples: ["resume"],
  run: async (context) => {
    const { user, speech, now } = context;
    const override = findEntry(context, user.presentity)?.override;
    const isOver = override?.until !== undefined && override.until <= now;
    if (override && !isOver) {
      replaceOverride(context, undefined);
      await recordChange(context, { action: "override.removed", subject: user.presentity });
    }
    return { kind: "text", text: speech.say("resumed", {}) };
  },
});

/** `end`. */
export const end = defineOwnCommand({
  name: "end",
  summary: "doesEnd",
  examples: ["end"],
  run: async (context) => {
    const { user, speech, now } = context;
    const until = await findMeetingEnd(context, findEntry(context, user.presentity));
    replaceOverride(context, { kind: "end", setAt: now, until });
    await recordChange(context, {
      action: "override.ended",
      subject: user.presentity,
      detail: `until ${formatTime(until, now)}`,
    });
    return confirm(context, [speech.say("ended", {})], until);
  },
});

/** `set`. */
export const set = defineOwnCommand({
  name: "set",
  summary: "doesSet",
  form: `${SETTABLE_SHOWS.join("|")} [for <duration>|until <time>]`,
  fields: {
    state: `${SETTABLE_SHOWS.join(", ")}.`,
    time: `${HOW_LONG} Where not given, until the present block of the calendar ends: the present meetings, or the time until the next one, at most until midnight.`,
  },
  examples: ["set away", "set dnd for 90m", "set available until 15:30"],
  run: async (context, words) => {
    const { user, speech, now } = context;
    const [, state = "", time = ""] = /^(\S*)\s*(.*)$/s.exec(words) ?? [];
    const show = SETTABLE_SHOWS.find((each) => each === state.toLowerCase());
    if (!show) throw new Refusal(speech.say("badState", { choices: SETTABLE_SHOWS.join(", ") }));
    const until = time === "" ? await findBlockEnd(context) : readEnd(context, time);
    const override: Override = { kind: "set", show, setAt: now, until };
    replaceOverride(context, override);
    await recordChange(context, {
      action: "override.set",
      subject: user.presentity,
      detail: `${show} until ${formatInstant(until)}`,
    });
    const entry = findEntry(context, user.presentity);
    const policy = await loadPolicy(context.registry);
    const rule = entry && composeEntry({ entry: { ...entry, override }, policy }, now).because.rule;
    const isHidden = rule !== undefined && rule !== "own-state";
    const wanted = { state: speech.state(show) };
    const said = isHidden ? [speech.say("asked", wanted), sayReason(speech, rule)] : [speech.say("shownAs", wanted)];
    return confirm(context, said, until);
  },
});

/** What is so now, until when, and how to take it back. */
function confirm({ speech, now }: OwnContext, what: readonly string[], until: Instant | undefined): SettledResult {
  const times = until === undefined ? [] : [speech.say("until", { when: speech.moment(until, now) })];
  return { kind: "lines", lines: [...what, ...times, speech.say("toResume", { command: "resume" })] };
}

function readEnd({ speech, now }: OwnContext, text: string): Instant {
  const until = readUntil(text, now, speech.zone);
  if (until !== undefined) return until;
  throw new Refusal(speech.say("badTime", { examples: UNTIL_EXAMPLES }));
}

/** When the block of meetings that is shown ends; refuses when none is shown. */
async function findMeetingEnd(context: OwnContext, entry: JournalEntry | undefined): Promise<Instant> {
  const { speech, now } = context;
  const policy = await loadPolicy(context.registry);
  if (!entry?.document || !isCalendarShown(entry.document)) {
    const reason = entry?.document ? [sayReason(speech, composeEntry({ entry, policy }, now).because.rule)] : [];
    throw new Refusal([speech.say("noMeeting", {}), ...reason].join("\n"));
  }
  const { rule } = composeEntry({ entry, policy }, now).because;
  const blockEnd =
    rule === "automatic-replies" ? undefined : shownBlockEnd(entry.calendar?.intervals ?? [], policy, now);
  const until = blockEnd ?? entry.document.until;
  if (until !== undefined && until > now) return until;
  throw new Refusal(speech.say("noEnd", { command: "pause for 2h" }));
}

/** When the present meetings end, or else the next one begins; at most until midnight, so that nothing is forgotten for days. */
async function findBlockEnd(context: OwnContext): Promise<Instant> {
  const { user, speech, now } = context;
  const policy = await loadPolicy(context.registry);
  const calendar = findEntry(context, user.presentity)?.calendar;
  const intervals = calendar && now < calendar.heardAt + policy.staleAfter ? calendar.intervals : [];
  const present = shownBlockEnd(intervals, policy, now);
  if (present !== undefined) return present;
  const next = nextShownStart(intervals, policy, now);
  const midnight = nextTimeOfDay({ hour: 0, minute: 0 }, now, speech.zone);
  const ends = [next, midnight].filter((each) => each !== undefined);
  return ends.length > 0 ? ends.reduce(earlier) : readEnd(context, "for 8h");
}
