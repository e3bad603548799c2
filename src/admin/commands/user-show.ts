import { z } from "zod";
import { countArgument, presentityArgument } from "../argument-schemas.ts";
import { defineCommand } from "../command.ts";
import { describeDocument } from "../describe-document.ts";
import { findEntry, findKnownUser } from "../find-entities.ts";

/** `user show`. */
export const userShow = defineCommand({
  name: "user show",
  who: "admin",
  summary: "Shows what is configured for a user, and what is shown of the user now.",
  arguments: z.strictObject({ jid: presentityArgument.describe("The user's bare JID.") }),
  positional: ["jid"],
  examples: ["user show alice@example.com"],
  run: async (context, args) => {
    const user = await findKnownUser(context.registry, args.jid);
    const document = findEntry(context, args.jid)?.document;
    return {
      kind: "fields",
      title: user.presentity,
      fields: [
        ["state", user.isEnabled ? "enabled" : "disabled"],
        ["mailbox", user.mailbox],
        ["gateway", user.gateway],
        ["locale", user.locale],
        ["shown", document ? describeDocument(document) : "nothing yet"],
      ],
    };
  },
});

/** `user list`. */
export const userList = defineCommand({
  name: "user list",
  who: "admin",
  summary: "Lists the users, or those whose JID, mailbox, gateway or locale has a text in it.",
  arguments: z.strictObject({
    filter: z.string().trim().toLowerCase().optional().describe("Only users with this text."),
    limit: countArgument(1000).optional().describe("Most users to list; 50 if not given."),
  }),
  positional: ["filter"],
  examples: ["user list", "user list @example.com limit=200"],
  run: async ({ registry }, { filter = "", limit = 50 }) => {
    const users = (await registry.listUsers()).filter(({ presentity, mailbox, gateway, locale }) =>
      [presentity, mailbox, gateway, locale.toLowerCase()].some((text) => text.includes(filter)),
    );
    const rest = users.length - limit;
    return {
      kind: "table",
      columns: ["jid", "mailbox", "gateway", "locale", "state"],
      rows: users
        .slice(0, limit)
        .map((user) => [
          user.presentity,
          user.mailbox,
          user.gateway,
          user.locale,
          user.isEnabled ? "enabled" : "disabled",
        ]),
      empty: filter === "" ? "No user is enabled yet. Use: user enable <jid>" : "No user matches.",
      warnings: rest > 0 ? [`${rest} more. Narrow it with: user list <text>, or raise limit=`] : [],
    };
  },
});
