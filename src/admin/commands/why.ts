import { z } from "zod";
import type { User } from "../../ports/registry.ts";
import { presentityArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { explainPresence, loadPolicy } from "../explain-presence.ts";
import { findEntry, findKnownUser } from "../find-entities.ts";
import { whyLeftOut } from "../opt-out.ts";

const jid = presentityArgument.describe("The user's bare JID.");

/** `why`. */
export const why = defineCommand({
  name: "why",
  who: "admin",
  isPerDomain: true,
  summary: "Explains what is shown of a user: the rule, every input with its age, what is published, the next change.",
  arguments: z.strictObject({ jid }),
  positional: ["jid"],
  examples: ["why alice@example.com"],
  run: async (context, args) => {
    const user = await findKnownUser(context.registry, args.jid);
    const entry = findEntry(context, args.jid);
    if (!entry) {
      return { kind: "text", text: describeUnknown(user, context) };
    }
    const policy = await loadPolicy(context.registry);
    const { live } = context;
    const running = live && {
      parts: live.parts(),
      details: (publisher: string) => live.publisherDetails(publisher, args.jid),
    };
    const server = await context.registry.findCalendarServer(entry.server ?? user.gateway);
    const explained = { user, entry, policy, ...running, ...(server && { server }) };
    const fields = explainPresence(explained, context.clock.now());
    return { kind: "fields", title: args.jid, fields };
  },
});

function describeUnknown(user: User, { live }: CommandContext): string {
  const { presentity } = user;
  const leftOut = whyLeftOut(user);
  if (leftOut) return `Of ${presentity} nothing of the calendar is shown: ${leftOut}.`;
  const reason = live ? "the calendar has not been read and no client was heard" : "the gateway is not running";
  return `Nothing is known of ${presentity} yet: ${reason}.`;
}

/** `refresh`. */
export const refresh = defineCommand({
  name: "refresh",
  who: "admin",
  isPerDomain: true,
  summary: "Reads a user's calendar now, and the mailbox's locale and automatic replies where they are read.",
  arguments: z.strictObject({ jid }),
  positional: ["jid"],
  examples: ["refresh alice@example.com"],
  run: async (context, args) => {
    const user = await findKnownUser(context.registry, args.jid);
    const leftOut = whyLeftOut(user);
    if (leftOut) throw commandError("command-conflict", `The calendar of ${args.jid} is not read: ${leftOut}.`);
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
