import { findEntry, recordChange } from "../find-entities.ts";
import { hasOptedOut } from "../opt-out.ts";
import { definePersonalCommand, type PersonalContext, replaceOverride } from "../own-command.ts";

/** `privacy`. */
export const privacy = definePersonalCommand({
  name: "privacy",
  summary: "doesPrivacy",
  examples: ["privacy"],
  run: async (context) => {
    const { speech } = context;
    return { kind: "lines", title: speech.say("privacyTitle", {}), lines: await describeHoldings(context) };
  },
});

/** What the store's tables hold, each named where it holds something. */
async function describeHoldings(context: PersonalContext): Promise<readonly string[]> {
  const { registry, presentity, user, speech } = context;
  const rows = await registry.countHoldings(presentity);
  const entry = findEntry(context, presentity);
  const sip = user?.sip ?? user?.restingSip;
  const lines: readonly (readonly [number, string])[] = [
    [rows.user + rows.directory_user, speech.say("holdAccount", { jid: presentity, mailbox: user?.mailbox ?? "" })],
    [Number(sip !== undefined), speech.say("holdSip", { sip: sip ?? "" })],
    [rows.user + rows.time_zone + rows.opt_out, speech.say("holdChoices", {})],
    [rows.busy_time, speech.say("holdCalendar", { count: String(entry?.calendar?.intervals.length ?? 0) })],
    [rows.automatic_replies, speech.say("holdReplies", {})],
    [rows.placement + rows.calendar_error, speech.say("holdServer", {})],
    [rows.override, speech.say("holdRequest", {})],
    [rows.client_presence, speech.say("holdClients", { count: String(entry?.clients.length ?? 0) })],
    [rows.result, speech.say("holdShown", {})],
    [rows.plugin_memory, speech.say("holdMemory", { count: String(rows.plugin_memory) })],
    [rows.user_import, speech.say("holdImports", { count: String(rows.user_import) })],
    [rows.audit + rows.registry_change, speech.say("holdLog", { count: String(rows.audit) })],
  ];
  return [
    ...lines.filter(([count]) => count > 0).map(([, line]) => line),
    ...(user?.isEnabled ? [] : [speech.say("notEnabled", {})]),
    rows.opt_out === 0 ? speech.say("toOptOut", { command: "opt out" }) : speech.say("optedOut", { command: "opt in" }),
  ];
}

/** `opt out`: also of who is no user yet, or is disabled, and shall not become one unasked. */
export const optOut = definePersonalCommand({
  name: "opt out",
  summary: "doesOptOut",
  examples: ["opt out"],
  run: async (context) => {
    const { registry, presentity, speech, now } = context;
    if (!(await hasOptedOut(registry, presentity))) {
      await registry.replaceOptOut(presentity, now);
      replaceOverride(context, undefined);
      await recordChange(context, { action: "user.opted-out", subject: presentity });
    }
    const sharers = await findSharers(context);
    const said = speech.say("optedOut", { command: "opt in" });
    if (sharers.length === 0) return { kind: "text", text: said };
    return { kind: "lines", lines: [said, speech.say("alsoRead", { jids: sharers.join(", ") })] };
  },
});

/** Others for whom the same mailbox is read: an opt-out is of a person, and their own matter too. */
async function findSharers({ registry, user }: PersonalContext): Promise<readonly string[]> {
  if (!user) return [];
  const sharers = (await registry.listUsers()).filter(
    ({ mailbox, presentity, isEnabled, optedOutAt }) =>
      isEnabled && optedOutAt === undefined && mailbox === user.mailbox && presentity !== user.presentity,
  );
  return sharers.slice(0, MOST_NAMED).map(({ presentity }) => presentity);
}

const MOST_NAMED = 10;

/** `opt in`. */
export const optIn = definePersonalCommand({
  name: "opt in",
  summary: "doesOptIn",
  examples: ["opt in"],
  run: async (context) => {
    const { registry, presentity, user, speech } = context;
    if (await hasOptedOut(registry, presentity)) {
      await registry.replaceOptOut(presentity, undefined);
      await recordChange(context, { action: "user.opted-in", subject: presentity });
    }
    return { kind: "text", text: speech.say(user?.isEnabled ? "optedIn" : "notEnabled", {}) };
  },
});
