import { findEntry, recordChange } from "../find-entities.ts";
import { defineOwnCommand, type OwnContext, replaceOverride } from "../own-command.ts";

/** `privacy`. */
export const privacy = defineOwnCommand({
  name: "privacy",
  summary: "doesPrivacy",
  examples: ["privacy"],
  isForOptedOut: true,
  run: async (context) => {
    const { speech } = context;
    return { kind: "lines", title: speech.say("privacyTitle", {}), lines: await describeHoldings(context) };
  },
});

/** What the store's tables hold, each named where it holds something. */
async function describeHoldings(context: OwnContext): Promise<readonly string[]> {
  const { registry, user, speech } = context;
  const { presentity, mailbox, optedOutAt } = user;
  const rows = await registry.countHoldings(presentity);
  const entry = findEntry(context, presentity);
  const lines: readonly (readonly [number, string])[] = [
    [rows.user + rows.directory_user + rows.registry_change, speech.say("holdAccount", { jid: presentity, mailbox })],
    [rows.user + rows.time_zone + rows.opt_out, speech.say("holdChoices", {})],
    [rows.busy_time, speech.say("holdCalendar", { count: String(entry?.calendar?.intervals.length ?? 0) })],
    [rows.automatic_replies, speech.say("holdReplies", {})],
    [rows.placement + rows.calendar_error, speech.say("holdServer", {})],
    [rows.override, speech.say("holdRequest", {})],
    [rows.client_presence, speech.say("holdClients", { count: String(entry?.clients.length ?? 0) })],
    [rows.result + rows.plugin_memory, speech.say("holdShown", {})],
    [rows.audit, speech.say("holdLog", { count: String(rows.audit) })],
  ];
  return [
    ...lines.filter(([count]) => count > 0).map(([, line]) => line),
    optedOutAt === undefined
      ? speech.say("toOptOut", { command: "opt out" })
      : speech.say("optedOut", { command: "opt in" }),
  ];
}

/** `opt out`. */
export const optOut = defineOwnCommand({
  name: "opt out",
  summary: "doesOptOut",
  examples: ["opt out"],
  isForOptedOut: true,
  run: async (context) => {
    const { registry, user, speech, now } = context;
    if (user.optedOutAt === undefined) {
      await registry.replaceOptOut(user.presentity, now);
      replaceOverride(context, undefined);
      await recordChange(context, { action: "user.opted-out", subject: user.presentity });
    }
    return { kind: "text", text: speech.say("optedOut", { command: "opt in" }) };
  },
});

/** `opt in`. */
export const optIn = defineOwnCommand({
  name: "opt in",
  summary: "doesOptIn",
  examples: ["opt in"],
  isForOptedOut: true,
  run: async (context) => {
    const { registry, user, speech } = context;
    if (user.optedOutAt !== undefined) {
      await registry.replaceOptOut(user.presentity, undefined);
      await recordChange(context, { action: "user.opted-in", subject: user.presentity });
    }
    return { kind: "text", text: speech.say("optedIn", {}) };
  },
});
