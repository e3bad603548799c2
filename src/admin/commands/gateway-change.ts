import { z } from "zod";
import { gatewayNameArgument, yesOrNoArgument } from "../argument-schemas.ts";
import { certificateWarnings } from "../certificates/certificate-warnings.ts";
import { type CommandContext, type CommandResult, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findKnownGateway, recordChange } from "../find-entities.ts";
import { checkGatewayOptions, findCalendarType, type GatewayOptions, openOptions } from "../gateway-options.ts";

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
  form: "<name> type=ews url=… account=… password=@file|$VARIABLE|… [like=<gateway>] [option=…]",
  arguments: z.strictObject({
    name,
    type: z.string().optional().describe("The type of server, for example ews. Not needed with like."),
    like: gatewayNameArgument
      .optional()
      .describe("A gateway from which every option that is not given is taken, account and password too."),
    others,
  }),
  positional: ["name"],
  examples: [
    "gateway add head-office type=ews url=https://mail.example.com/EWS/Exchange.asmx account=EXAMPLE\\presence password=@ews-password",
    "gateway add branch like=head-office url=https://mail2.example.com/EWS/Exchange.asmx",
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
    await registry.replaceCalendarServer(
      { name: args.name, type: definition.name, options: checked.options, isEnabled: true },
      checked.secrets,
    );
    const detail = [`type=${definition.name}`, ...(model ? [`like=${model.name}`] : []), checked.audit].join(" ");
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
  form: "<name> [enabled=yes|no] [option=…]",
  arguments: z.strictObject({
    name,
    enabled: yesOrNoArgument.optional().describe("Whether the gateway is used: yes or no."),
    others,
  }),
  positional: ["name"],
  examples: ["gateway set head-office password=$EWS_PASSWORD", "gateway set head-office enabled=no"],
  run: async (context, args, signal) => {
    const server = await findKnownGateway(context.registry, args.name);
    if (args.enabled === undefined && Object.keys(args.others).length === 0) {
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
    await context.registry.replaceCalendarServer(
      { ...server, options: checked.options, isEnabled },
      checked.changedSecrets,
    );
    const enabled = args.enabled === undefined ? [] : [`enabled=${isEnabled ? "yes" : "no"}`];
    const detail = [...enabled, checked.audit].filter((part) => part !== "").join(" ");
    await recordChange(context, { action: "gateway.changed", subject: server.name, detail });
    const advice = isEnabled ? ` Try it with: gateway test ${server.name}` : " It is disabled.";
    const isOther = ["url", "tls-exceptions", "proxy"].some((key) => checked.options[key] !== server.options[key]);
    const warnings = isEnabled && isOther ? await certificateWarnings(context, checked.options, signal) : [];
    return {
      kind: "text",
      text: `Gateway ${server.name} is changed.${advice}`,
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
    const disabled = await disableUsersOf(context, server.name, args.force === true);
    await context.registry.deleteCalendarServer(server.name);
    await recordChange(context, {
      action: "gateway.removed",
      subject: server.name,
      detail: describeDisabled(disabled),
    });
    return describeRemoval(server.name, disabled);
  },
});

async function disableUsersOf(context: CommandContext, gateway: string, isForced: boolean): Promise<number> {
  const users = (await context.registry.listUsers()).filter((user) => user.isEnabled && user.gateway === gateway);
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
