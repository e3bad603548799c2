import { z } from "zod";
import { domainOf, type PresentityId, parseMailbox } from "../../core/addresses.ts";
import { isCandidate, poolOf } from "../../core/server-pool.ts";
import { nearest } from "../../lib/nearest.ts";
import { readParameters } from "../../ports/parameters.ts";
import type { User } from "../../ports/registry.ts";
import { gatewayNameArgument, mailboxArgument, presentityArgument, userLocaleArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findKnownPool, findKnownUser, recordChange } from "../find-entities.ts";
import { localeWarnings } from "../locale-warnings.ts";
import { OVERRULE, overruleOptOut } from "../opt-out.ts";
import { chooseSip, describeSip, sipArgument, sipWarnings } from "../sip-address.ts";
import { asksMailbox, chooseLocale } from "../user-locale.ts";

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

interface Wanted {
  readonly jid: PresentityId;
  readonly mailbox?: User["mailbox"] | undefined;
  readonly gateway?: string | undefined;
  readonly locale?: string | undefined;
  readonly sip?: z.infer<typeof sipArgument> | undefined;
}

/** `user enable`. */
export const userEnable = defineCommand({
  name: "user enable",
  who: "admin",
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
    checkDomain(context, args.jid);
    const { registry } = context;
    const before = await registry.findUser(args.jid);
    const stored = await registry.listParameters();
    const user: User = {
      presentity: args.jid,
      mailbox: args.mailbox ?? before?.mailbox ?? parseMailboxOf(args.jid),
      gateway: await chooseGateway(context, args.gateway, before?.gateway),
      ...chooseLocale(args.locale, before, readParameters(() => stored).choice("default-language")),
      isEnabled: true,
      ...(await chooseSip(registry, args.sip, { ...before, presentity: args.jid })),
    };
    if (before?.optedOutAt !== undefined) await overruleOptOut(context, before, args.despite === OVERRULE);
    const warnings = await replaceUser(context, user, "user.enabled");
    return { kind: "text", text: `${args.jid} is enabled: ${describeUser(user)}.`, warnings };
  },
});

function describeUser(user: User): string {
  const sip = describeSip(user);
  return `mailbox ${user.mailbox}, gateway ${user.gateway}, locale ${user.locale}${sip === undefined ? "" : `, SIP ${sip}`}`;
}

function checkDomain({ servedDomains }: CommandContext, presentity: PresentityId): void {
  const domain = domainOf(presentity);
  if (servedDomains.includes(domain)) return;
  const close = nearest(domain, servedDomains);
  throw commandError(
    "command-conflict",
    `The gateway does not serve ${domain}${close ? `; did you mean ${close}?` : "."} It serves: ${servedDomains.join(", ") || "no domain"}.`,
  );
}

function parseMailboxOf(presentity: PresentityId): User["mailbox"] {
  try {
    return parseMailbox(presentity);
  } catch (error) {
    throw commandError("command-arguments", `${presentity} is no SMTP address: give the mailbox as mailbox=…`, error);
  }
}

async function chooseGateway(
  context: CommandContext,
  given: string | undefined,
  before: string | undefined,
): Promise<string> {
  if (given !== undefined) return findKnownPool(context.registry, given);
  const servers = await context.registry.listCalendarServers();
  if (before !== undefined && servers.some((server) => isCandidate(before, server))) return before;
  const names = [...new Set(servers.map(poolOf))];
  const [first, second] = names;
  if (first === undefined)
    throw commandError("command-conflict", "There is no gateway yet; add one first with: gateway add");
  if (second === undefined) return first;
  throw commandError("command-arguments", `gateway is missing: there are several (${names.slice(0, 50).join(", ")}).`);
}

async function replaceUser(context: CommandContext, user: User, action: string): Promise<readonly string[]> {
  const { registry } = context;
  const sharers = (await registry.listUsers()).filter(
    (other) => other.isEnabled && other.mailbox === user.mailbox && other.presentity !== user.presentity,
  );
  await registry.replaceUser(user);
  await recordChange(context, { action, subject: user.presentity, detail: describeUser(user) });
  const [first] = sharers;
  const shared = first ? [`The mailbox ${user.mailbox} is also that of ${first.presentity}.`] : [];
  return [...shared, ...localeWarnings(user.locale), ...sipWarnings(context, user)];
}

/** `user disable`. */
export const userDisable = defineCommand({
  name: "user disable",
  who: "admin",
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
  summary: "Sets the language of a user's state texts.",
  arguments: z.strictObject({
    jid,
    tag: userLocaleArgument.describe("A BCP 47 language tag; auto: that of the mailbox."),
  }),
  positional: ["jid", "tag"],
  examples: ["locale set bob@example.com de-AT"],
  run: (context, args) => changeUser(context, { jid: args.jid, locale: args.tag }),
});

async function changeUser(context: CommandContext, wanted: Wanted) {
  const before = await findKnownUser(context.registry, wanted.jid);
  if ([wanted.mailbox, wanted.gateway, wanted.locale, wanted.sip].every((each) => each === undefined)) {
    throw commandError("command-arguments", "There is nothing to change: give mailbox=, gateway=, locale= or sip=.");
  }
  const { locale: _, localeFrom: _from, sip, restingSip, ...others } = before;
  const user: User = {
    ...others,
    ...(await chooseSip(context.registry, wanted.sip, before)),
    mailbox: wanted.mailbox ?? before.mailbox,
    gateway: wanted.gateway === undefined ? before.gateway : await findKnownPool(context.registry, wanted.gateway),
    ...chooseLocale(wanted.locale, before),
  };
  const warnings = await replaceUser(context, user, "user.changed");
  if (asksMailbox(wanted.locale) && user.isEnabled) context.live?.refresh(user.presentity);
  return { kind: "text" as const, text: `${wanted.jid} is changed: ${describeUser(user)}.`, warnings };
}
