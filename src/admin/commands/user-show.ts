import { z } from "zod";
import type { JournalEntry } from "../../ports/journal.ts";
import type { User } from "../../ports/registry.ts";
import { countArgument, presentityArgument } from "../argument-schemas.ts";
import { isOwnDomain } from "../authorization.ts";
import { type CommandContext, defineCommand, type Field } from "../command.ts";
import { describeDocument } from "../describe-document.ts";
import { findEntry, findKnownUser } from "../find-entities.ts";
import { formatDate } from "../format-moment.ts";
import { describeSip } from "../sip-address.ts";
import { describeLocale } from "../user-locale.ts";

/** `user show`. */
export const userShow = defineCommand({
  name: "user show",
  who: "admin",
  isPerDomain: true,
  summary: "Shows what is configured for a user, and what is shown of the user now.",
  arguments: z.strictObject({ jid: presentityArgument.describe("The user's bare JID.") }),
  positional: ["jid"],
  examples: ["user show alice@example.com"],
  run: async (context, args) => {
    const user = await findKnownUser(context.registry, args.jid);
    const entry = findEntry(context, args.jid);
    const origin = await context.directoryUsers?.find(args.jid);
    return {
      kind: "fields",
      title: user.presentity,
      fields: [
        ["state", describeState(context, user)],
        ["mailbox", user.mailbox],
        ["gateway", user.gateway],
        ["locale", describeLocale(user)],
        ...sipFields(user),
        ...(origin ? [["from", `the directory ${origin.directory}`] as const] : []),
        ["shown", describeShown(user, entry)],
        ...(context.live ? [] : [["gateway", "not running; this is what it knew last"] as const]),
      ],
    };
  },
});

function sipFields(user: User): readonly Field[] {
  const sip = describeSip(user);
  return sip === undefined ? [] : [["SIP", sip]];
}

/** `enabled`, with the code of what keeps the calendar from being read. */
function describeState(context: CommandContext, { isEnabled, optedOutAt, presentity }: User): string {
  const choice = optedOutAt === undefined ? undefined : `opted out by chat on ${formatDate(optedOutAt)}`;
  if (!isEnabled) return choice === undefined ? "disabled" : `disabled; ${choice}`;
  if (choice !== undefined) return choice;
  const error = findEntry(context, presentity)?.calendarError;
  return error ? `enabled, ${error.code}` : "enabled";
}

function describeShown({ isEnabled, optedOutAt }: User, entry: JournalEntry | undefined): string {
  if (!isEnabled || optedOutAt !== undefined) return "nothing of the calendar";
  return entry?.document ? describeDocument(entry.document) : "nothing yet";
}

/** `user list`. */
export const userList = defineCommand({
  name: "user list",
  who: "admin",
  isPerDomain: true,
  summary:
    "Lists the users, or those whose JID, mailbox, gateway, locale, SIP address or state (enabled, disabled, an error code) has a text in it.",
  arguments: z.strictObject({
    filter: z.string().trim().toLowerCase().optional().describe("Only users with this text."),
    limit: countArgument(1000).optional().describe("Most users to list; 50 if not given."),
  }),
  positional: ["filter"],
  examples: ["user list", "user list @example.com limit=200", "user list ews-mailbox-not-found"],
  run: async (context, { filter = "", limit = 50 }) => {
    const users = (await context.registry.listUsers())
      .filter(({ presentity }) => isOwnDomain(context.actor, presentity))
      .map((user) => describeRow(context, user))
      .filter((row) => row.some((text) => text.toLowerCase().includes(filter)));
    const rest = users.length - limit;
    const rows = users.slice(0, limit);
    const hasSip = rows.some(([, , , , , sip]) => sip !== "");
    return {
      kind: "table",
      columns: hasSip ? [...COLUMNS, "SIP"] : COLUMNS,
      rows: hasSip ? rows : rows.map((row) => row.slice(0, COLUMNS.length)),
      empty: filter === "" ? "No user is enabled yet. Use: user enable <jid>" : "No user matches.",
      warnings: rest > 0 ? [`${rest} more. Narrow it with: user list <text>, or raise limit=`] : [],
    };
  },
});

const COLUMNS = ["jid", "mailbox", "gateway", "locale", "state"];

const describeRow = (context: CommandContext, user: User): readonly string[] => [
  user.presentity,
  user.mailbox,
  user.gateway,
  user.locale,
  describeState(context, user),
  describeSip(user) ?? "",
];
