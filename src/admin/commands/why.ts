import { z } from "zod";
import { presentityArgument } from "../argument-schemas.ts";
import { defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { explainPresence, loadPolicy } from "../explain-presence.ts";
import { findEntry, findKnownUser } from "../find-entities.ts";

const jid = presentityArgument.describe("The user's bare JID.");

/** `why`. */
export const why = defineCommand({
  name: "why",
  who: "admin",
  summary: "Explains what is shown of a user: the rule, every input with its age, what is published, the next change.",
  arguments: z.strictObject({ jid }),
  positional: ["jid"],
  examples: ["why alice@example.com"],
  run: async (context, args) => {
    const user = await findKnownUser(context.registry, args.jid);
    const entry = findEntry(context, args.jid);
    if (!entry) {
      const text = user.isEnabled
        ? `Nothing is known of ${args.jid} yet: the calendar has not been read and no client was heard.`
        : `${args.jid} is disabled: nothing is shown. Use: user enable ${args.jid}`;
      return { kind: "text", text };
    }
    const fields = explainPresence({ user, entry, policy: await loadPolicy(context.registry) }, context.clock.now());
    return { kind: "fields", title: args.jid, fields };
  },
});

/** `refresh`. */
export const refresh = defineCommand({
  name: "refresh",
  who: "admin",
  summary: "Reads a user's calendar now.",
  arguments: z.strictObject({ jid }),
  positional: ["jid"],
  examples: ["refresh alice@example.com"],
  run: async (context, args) => {
    const user = await findKnownUser(context.registry, args.jid);
    if (!user.isEnabled)
      throw commandError("command-conflict", `${args.jid} is disabled. Use: user enable ${args.jid}`);
    if (!context.live) {
      throw commandError(
        "command-not-running",
        "The gateway is not running, so no calendar is read. It reads all when it starts.",
      );
    }
    context.live.refresh(args.jid);
    return { kind: "text", text: `The calendar of ${args.jid} is being read. See: why ${args.jid}` };
  },
});
