import { z } from "zod";
import { type Override, shownBlockEnd } from "../../core/compose.ts";
import { hours, type Instant, minutes, plus } from "../../lib/time.ts";
import type { JournalEntry } from "../../ports/journal.ts";
import type { User } from "../../ports/registry.ts";
import { lengthArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { composeEntry, loadPolicy } from "../explain-presence.ts";
import { explainToUser, isCalendarShown, OWN_REASONS } from "../explain-to-user.ts";
import { findEntry, recordChange } from "../find-entities.ts";
import { formatMoment, formatTime } from "../format-moment.ts";

const LONGEST_PAUSE = hours(366 * 24);

/** `me`. */
export const me = defineCommand({
  name: "me",
  who: "user",
  summary: "Tells how you are shown, and why.",
  arguments: z.strictObject({}),
  examples: ["me"],
  run: async (context) => {
    const user = await findOwnUser(context);
    const entry = findEntry(context, user.presentity);
    if (!entry) return { kind: "text", text: "Nothing is known of you yet. Ask again in a minute." };
    const explained = { user, entry, policy: await loadPolicy(context.registry) };
    return { kind: "lines", lines: explainToUser(explained, context.clock.now()) };
  },
});

/** `pause`. */
export const pause = defineCommand({
  name: "pause",
  who: "user",
  summary: "Stops showing your calendar, for a time or until you resume.",
  form: "[for <duration>]",
  arguments: z.strictObject({
    duration: z
      .string()
      .transform((text) => text.replace(/^\s*for\b/i, "").trim())
      .pipe(
        lengthArgument(minutes(1), LONGEST_PAUSE, "must be a time such as 30m, 2h or 1d, from 1 minute to 366 days"),
      )
      .optional()
      .describe("How long, for example 45m, 2h or 1d; a bare number is minutes."),
  }),
  positional: ["duration"],
  takesRest: true,
  examples: ["pause", "pause for 2h", "pause 1h 30m"],
  run: async (context, { duration }) => {
    const user = await findOwnUser(context);
    const now = context.clock.now();
    const until = duration === undefined ? undefined : plus(now, duration);
    replaceOverride(context, user, { kind: "pause", setAt: now, ...(until !== undefined && { until }) });
    const end =
      until === undefined ? "until you send resume" : `until ${formatMoment(until, now)}, or until you send resume`;
    await recordChange(context, {
      action: "override.paused",
      subject: user.presentity,
      detail: until === undefined ? "" : `until ${formatTime(until, now)}`,
    });
    return { kind: "text", text: `Your calendar is not shown ${end}.` };
  },
});

/** `resume`. */
export const resume = defineCommand({
  name: "resume",
  who: "user",
  summary: "Shows your calendar again after pause or end.",
  arguments: z.strictObject({}),
  examples: ["resume"],
  run: async (context) => {
    const user = await findOwnUser(context);
    const override = findEntry(context, user.presentity)?.override;
    const isOver = override?.until !== undefined && override.until <= context.clock.now();
    if (!override || isOver) return { kind: "text", text: "Your calendar is shown already." };
    replaceOverride(context, user, undefined);
    await recordChange(context, { action: "override.removed", subject: user.presentity });
    return { kind: "text", text: "Your calendar is shown again." };
  },
});

/** `end`. */
export const end = defineCommand({
  name: "end",
  who: "user",
  summary: "Ends your present meeting early: it is not shown any more; the next one is.",
  arguments: z.strictObject({}),
  examples: ["end"],
  run: async (context) => {
    const user = await findOwnUser(context);
    const now = context.clock.now();
    const until = await findMeetingEnd(context, findEntry(context, user.presentity), now);
    replaceOverride(context, user, { kind: "end", setAt: now, until });
    await recordChange(context, {
      action: "override.ended",
      subject: user.presentity,
      detail: `until ${formatTime(until, now)}`,
    });
    return {
      kind: "text",
      text: `Ended. It would have lasted until ${formatMoment(until, now)}. To take it back, send: resume`,
    };
  },
});

/** The user who gives the command. A local administrator is none. */
async function findOwnUser({ actor, registry }: CommandContext): Promise<User> {
  if (!actor.presentity) {
    throw commandError("command-not-possible", "This command is about the one who sends it by chat. Use: why <jid>");
  }
  const user = await registry.findUser(actor.presentity);
  if (user?.isEnabled) return user;
  throw commandError(
    "command-not-possible",
    "Your calendar is not shown by this gateway. Ask your administrator to enable you.",
  );
}

/** When the block of meetings that is shown ends; throws when none is shown. */
async function findMeetingEnd(
  context: CommandContext,
  entry: JournalEntry | undefined,
  now: Instant,
): Promise<Instant> {
  const policy = await loadPolicy(context.registry);
  if (!entry?.document || !isCalendarShown(entry.document)) {
    const rule = entry?.document && composeEntry({ entry, policy }, now).because.rule;
    throw commandError(
      "command-not-possible",
      `No meeting of yours is shown now${rule ? `: ${OWN_REASONS[rule]}` : ""}.`,
    );
  }
  const { rule } = composeEntry({ entry, policy }, now).because;
  const blockEnd =
    rule === "automatic-replies" ? undefined : shownBlockEnd(entry.calendar?.intervals ?? [], policy, now);
  const until = blockEnd ?? entry.document.until;
  if (until !== undefined && until > now) return until;
  throw commandError("command-not-possible", "The present state has no known end. Use: pause for <duration>");
}

function replaceOverride(
  { live, journal }: CommandContext,
  { presentity }: User,
  override: Override | undefined,
): void {
  if (live) live.setOverride(presentity, override);
  else {
    journal.replaceOverride(presentity, override);
    journal.flush();
  }
}
