import { z } from "zod";
import type { PresentityId } from "../../core/addresses.ts";
import type { User } from "../../ports/registry.ts";
import { gatewayNameArgument, mailboxArgument, presentityArgument, userLocaleArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findKnownUser, recordChange } from "../find-entities.ts";
import { jidWarnings } from "../jid-warnings.ts";
import { localeWarnings } from "../locale-warnings.ts";
import { hasOptedOut, OVERRULE, overruleOptOut } from "../opt-out.ts";
import { sipArgument, sipWarnings } from "../sip-address.ts";
import { asksMailbox } from "../user-locale.ts";
import { changedUser, describeUser, enabledUser, type UserWish, userRules } from "../user-rules.ts";

const jid = presentityArgument.describe("The user's bare JID.");
const options = {
  mailbox: mailboxArgument.optional().describe("The SMTP address of the user's mailbox."),
  gateway: gatewayNameArgument
    .optional()
    .describe("The pool of calendar servers, or the one server, that the mailbox is read from."),
  locale: userLocaleArgument
    .optional()
    .describe("The language of the user's state texts (BCP 47); auto: that of the mailbox, where it is read."),
  sip: sipArgument.optional(),
};

const despite = z
  .string()
  .trim()
  .toLowerCase()
  .pipe(z.literal(OVERRULE, `must be ${OVERRULE}`))
  .optional()
  .describe(`${OVERRULE}: shows even somebody who has opted out by chat, and tells them.`);

/** `user enable`. */
export const userEnable = defineCommand({
  name: "user enable",
  who: "admin",
  isPerDomain: true,
  summary:
    "Shows a user's calendar state from now on. Where not given, the mailbox is the JID, and the locale that of the mailbox, else the parameter default-language.",
  arguments: z.strictObject({ jid, ...options, despite }),
  positional: ["jid"],
  examples: [
    "user enable alice@example.com",
    "user enable bob@example.com mailbox=bob.b@example.com gateway=branch locale=de-AT",
    "user enable carol@example.com sip=sip:carol@example.com",
  ],
  run: async (context, args) => {
    const before = await context.registry.findUser(args.jid);
    const user = enabledUser(args, before, await userRules(context));
    if (await hasOptedOut(context.registry, args.jid)) {
      await overruleOptOut(context, args.jid, args.despite === OVERRULE);
    }
    const warnings = await replaceUser(context, user, "user.enabled");
    return { kind: "text", text: `${args.jid} is enabled: ${describeUser(user)}.`, warnings };
  },
});

async function replaceUser(context: CommandContext, user: User, action: string): Promise<readonly string[]> {
  const { registry } = context;
  const sharers = (await registry.listUsers()).filter(
    (other) => other.isEnabled && other.mailbox === user.mailbox && other.presentity !== user.presentity,
  );
  await registry.replaceUser(user);
  await recordChange(context, { action, subject: user.presentity, detail: describeUser(user) });
  const [first] = sharers;
  const choice = first?.optedOutAt === undefined ? "" : ", who has opted out by chat";
  const shared = first ? [`The mailbox ${user.mailbox} is also that of ${first.presentity}${choice}.`] : [];
  return [...jidWarnings(user.presentity), ...shared, ...localeWarnings(user.locale), ...sipWarnings(context, user)];
}

/** `user disable`. */
export const userDisable = defineCommand({
  name: "user disable",
  who: "admin",
  isPerDomain: true,
  summary: "Stops showing a user's calendar state at once; what is configured for the user stays.",
  arguments: z.strictObject({ jid }),
  positional: ["jid"],
  examples: ["user disable alice@example.com"],
  run: async (context, args) => {
    const user = await findKnownUser(context.registry, args.jid);
    if (!user.isEnabled) return { kind: "text", text: `${args.jid} is disabled already.` };
    await context.registry.replaceUser({ ...user, isEnabled: false });
    await recordChange(context, { action: "user.disabled", subject: user.presentity });
    return {
      kind: "text",
      text: `${args.jid} is disabled. The calendar is shown again after: user enable ${args.jid}`,
    };
  },
});

/** `user set`. */
export const userSet = defineCommand({
  name: "user set",
  who: "admin",
  isPerDomain: true,
  summary: "Changes a user's mailbox, calendar server, locale or SIP address.",
  arguments: z.strictObject({ jid, ...options }),
  positional: ["jid"],
  examples: ["user set bob@example.com gateway=head-office", "user set bob@example.com sip=off"],
  run: (context, args) => changeUser(context, args),
});

/** `locale set`. */
export const localeSet = defineCommand({
  name: "locale set",
  who: "admin",
  isPerDomain: true,
  summary: "Sets the language of a user's state texts.",
  arguments: z.strictObject({
    jid,
    tag: userLocaleArgument.describe("A BCP 47 language tag; auto: that of the mailbox."),
  }),
  positional: ["jid", "tag"],
  examples: ["locale set bob@example.com de-AT"],
  run: (context, args) => changeUser(context, { jid: args.jid, locale: args.tag }),
});

async function changeUser(context: CommandContext, wanted: UserWish & { readonly jid: PresentityId }) {
  const before = await findKnownUser(context.registry, wanted.jid);
  if ([wanted.mailbox, wanted.gateway, wanted.locale, wanted.sip].every((each) => each === undefined)) {
    throw commandError("command-arguments", "There is nothing to change: give mailbox=, gateway=, locale= or sip=.");
  }
  const user = changedUser(wanted, before, await userRules(context));
  const warnings = await replaceUser(context, user, "user.changed");
  if (asksMailbox(wanted.locale) && user.isEnabled) context.live?.refresh(user.presentity);
  return { kind: "text" as const, text: `${wanted.jid} is changed: ${describeUser(user)}.`, warnings };
}
