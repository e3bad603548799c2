import { z } from "zod";
import { isCandidate } from "../../core/server-pool.ts";
import type { CalendarServer } from "../../ports/registry.ts";
import { gatewayNameArgument, yesOrNoArgument } from "../argument-schemas.ts";
import { certificateWarnings } from "../certificates/certificate-warnings.ts";
import { type CommandContext, type CommandResult, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findKnownGateway, recordChange } from "../find-entities.ts";
import { checkGatewayOptions, findCalendarType, type GatewayOptions, openOptions } from "../gateway-options.ts";
import {
  changedPlaceArguments,
  describePlace,
  endSuccession,
  placeAfter,
  placeArguments,
  withoutPlace,
} from "../gateway-place.ts";
import { credentialsSource, shareCredentials, unshareCredentials } from "../shared-credentials.ts";

const name = gatewayNameArgument.describe("The gateway's name.");
const others = z
  .record(z.string(), z.string())
  .describe(
    "The options of the gateway's type; a secret may be given as @file (in the secrets directory) or $VARIABLE (of the environment).",
  );

/** `gateway add`. */
export const gatewayAdd = defineCommand({
  name: "gateway add",
  who: "admin",
  summary: "Adds a calendar server.",
  form: "<name> type=ews url=… account=… password=@file|$VARIABLE|… [like=<gateway>] [description=…] [pool=<name>] [weight=1…100] [successor=<gateway>] [option=…]",
  arguments: z.strictObject({
    name,
    type: z.string().optional().describe("The type of server, for example ews. Not needed with like."),
    like: gatewayNameArgument
      .optional()
      .describe(
        "A gateway from which every option that is not given is taken; account and password follow it when they change there.",
      ),
    ...placeArguments,
    others,
  }),
  positional: ["name"],
  examples: [
    "gateway add head-office type=ews url=https://mail.example.com/EWS/Exchange.asmx account=EXAMPLE\\presence password=@ews-password",
    "gateway add mail2 like=head-office pool=head-office url=https://mail2.example.com/EWS/Exchange.asmx",
  ],
  run: async (context, args, signal) => {
    const { registry } = context;
    if (await registry.findCalendarServer(args.name)) {
      throw commandError(
        "command-conflict",
        `There is a gateway named ${args.name} already; change it with: gateway set ${args.name} …`,
      );
    }
    const model = args.like === undefined ? undefined : await findKnownGateway(registry, args.like);
    const type = args.type ?? model?.type;
    if (type === undefined) throw commandError("command-arguments", `type is missing${describeTypes(context)}.`);
    const definition = findCalendarType(context, type);
    if (model && model.type !== definition.name) {
      throw commandError("command-arguments", `like: ${model.name} is of another type (${model.type}).`);
    }
    const base: GatewayOptions = model ? await openOptions(context, model) : { options: {}, secrets: {} };
    const checked = await checkGatewayOptions(context, definition, base, args.others);
    const credentialsOf = model && credentialsSource(model, definition, args.others);
    await registry.replaceCalendarServer(
      {
        name: args.name,
        type: definition.name,
        options: checked.options,
        isEnabled: true,
        ...(await placeAfter(context, { name: args.name }, args)),
        ...(credentialsOf !== undefined && { credentialsOf }),
      },
      checked.secrets,
    );
    const like = model ? [`like=${model.name}`] : [];
    const detail = [`type=${definition.name}`, ...like, ...describePlace(args), checked.audit].join(" ");
    await recordChange(context, { action: "gateway.added", subject: args.name, detail });
    return {
      kind: "text",
      text: `Gateway ${args.name} is added. Try it with: gateway test ${args.name} user=<mailbox>`,
      warnings: [...checked.warnings, ...(await certificateWarnings(context, checked.options, signal))],
    };
  },
});

const describeTypes = ({ calendarTypes }: CommandContext): string =>
  ` (there are: ${calendarTypes.map((each) => each.name).join(", ")})`;

/** `gateway set`. */
export const gatewaySet = defineCommand({
  name: "gateway set",
  who: "admin",
  summary: "Changes options of a calendar server; an empty value takes an option away. Takes effect at once.",
  form: "<name> [enabled=yes|no] [pool=<name>] [weight=1…100] [successor=<gateway>] [retired=yes|no] [option=…]",
  arguments: z.strictObject({
    name,
    enabled: yesOrNoArgument.optional().describe("Whether the gateway is used: yes or no."),
    ...changedPlaceArguments,
    others,
  }),
  positional: ["name"],
  examples: ["gateway set head-office password=$EWS_PASSWORD", "gateway set head-office enabled=no"],
  run: async (context, args, signal) => {
    const server = await findKnownGateway(context.registry, args.name);
    const place = describePlace(args);
    if (args.enabled === undefined && place.length + Object.keys(args.others).length === 0) {
      throw commandError("command-arguments", `There is nothing to change. See: help gateway set`);
    }
    if ("type" in args.others) {
      throw commandError(
        "command-arguments",
        "The type of a gateway cannot be changed: add a new one and remove this one.",
      );
    }
    const definition = findCalendarType(context, server.type);
    const checked = await checkGatewayOptions(context, definition, await openOptions(context, server), args.others);
    const isEnabled = args.enabled ?? server.isEnabled;
    const rest = withoutPlace(unshareCredentials(server, definition, args.others));
    await context.registry.replaceCalendarServer(
      { ...rest, options: checked.options, isEnabled, ...(await placeAfter(context, server, args)) },
      checked.changedSecrets,
    );
    const sharers = await shareCredentials(context, { name: server.name, definition, checked }, args.others);
    const enabled = args.enabled === undefined ? [] : [`enabled=${isEnabled ? "yes" : "no"}`];
    const detail = [...enabled, ...place, checked.audit].filter((part) => part !== "").join(" ");
    await recordChange(context, { action: "gateway.changed", subject: server.name, detail });
    const advice = isEnabled ? ` Try it with: gateway test ${server.name}` : " It is disabled.";
    const isOther = ["url", "tls-exceptions", "proxy"].some((key) => checked.options[key] !== server.options[key]);
    const warnings = isEnabled && isOther ? await certificateWarnings(context, checked.options, signal) : [];
    return {
      kind: "text",
      text: `Gateway ${server.name} is changed.${sharers.length > 0 ? ` With it: ${sharers.join(", ")}.` : ""}${advice}`,
      warnings: [...checked.warnings, ...warnings],
    };
  },
});

/** `gateway remove`. */
export const gatewayRemove = defineCommand({
  name: "gateway remove",
  who: "admin",
  summary: "Removes a calendar server that no user is on.",
  arguments: z.strictObject({
    name,
    force: yesOrNoArgument.optional().describe("yes: disables the users who are on it, then removes it."),
  }),
  positional: ["name"],
  examples: ["gateway remove branch", "gateway remove branch force=yes"],
  run: async (context, args) => {
    const server = await findKnownGateway(context.registry, args.name);
    await endSuccession(context, server);
    const disabled = await disableUsersOf(context, server, args.force === true);
    await context.registry.deleteCalendarServer(server.name);
    for (const each of await context.registry.listCalendarServers()) {
      const { credentialsOf, ...rest } = each;
      if (credentialsOf === server.name) await context.registry.replaceCalendarServer(rest);
    }
    await recordChange(context, {
      action: "gateway.removed",
      subject: server.name,
      detail: describeDisabled(disabled),
    });
    return describeRemoval(server.name, disabled);
  },
});

/** Users whose only server it is; those of a pool go to its other servers. */
async function disableUsersOf(context: CommandContext, server: CalendarServer, isForced: boolean): Promise<number> {
  const gateway = server.name;
  const others = (await context.registry.listCalendarServers()).filter(({ name: other }) => other !== gateway);
  const users = (await context.registry.listUsers()).filter(
    (user) =>
      user.isEnabled && isCandidate(user.gateway, server) && !others.some((each) => isCandidate(user.gateway, each)),
  );
  if (users.length > 0 && !isForced) {
    throw commandError(
      "command-conflict",
      `${users.length === 1 ? "1 user is" : `${users.length} users are`} on ${gateway}. Move them with: user set <jid> gateway=<name>; or disable them and remove it with: gateway remove ${gateway} force=yes`,
    );
  }
  for (const user of users) {
    await context.registry.replaceUser({ ...user, isEnabled: false });
    await recordChange(context, {
      action: "user.disabled",
      subject: user.presentity,
      detail: `with gateway ${gateway}`,
    });
  }
  return users.length;
}

const describeDisabled = (count: number): string => (count === 0 ? "" : `users disabled: ${count}`);

const describeRemoval = (gateway: string, disabled: number): CommandResult => ({
  kind: "fields",
  title: `Gateway ${gateway} is removed.`,
  fields: disabled === 0 ? [] : [["users disabled", String(disabled)]],
});
