import type { PluginDefinition } from "../ports/plugin-definition.ts";
import type { Command } from "./command.ts";
import { COMMAND_ERROR_CODES, type ErrorCodeText } from "./command-errors.ts";
import { describeOptions } from "./describe-schema.ts";

/** The text of docs/COMMANDS.md. */
export const composeCommandsPage = (
  commands: readonly Command[],
  calendarTypes: readonly PluginDefinition<"calendar">[] = [],
): string =>
  [
    "# Commands",
    "",
    "This page is generated from the code (`npm run docs`).",
    "",
    "Commands are sent as chat messages to the gateway's address, or given to",
    '`presence-gateway command --config FILE "<command>"`. Names are read in any case. A value with spaces is quoted:',
    '`name="two words"`; “smart” quotes count too. A backslash takes away the meaning of a quote, a space or a backslash',
    "after it, and is a plain backslash before anything else. An option is `key=value`.",
    "",
    "A secret is best given as `password=@name` (the text of that file in the configured secrets directory) or",
    "`password=$NAME` (a variable of the gateway's environment): the server may archive what travels by chat. A password",
    "that itself begins with `@` or `$` is written with that character doubled. Secrets are stored sealed and never shown.",
    "",
    "Clients that know ad-hoc commands (XEP-0050) offer the same commands as forms, to each person what that person may",
    "use. A command's node is its name with hyphens, such as `user-enable`; nodes do not change. OPERATIONS.md tells more.",
    "",
    "## For everybody whom the gateway serves",
    "",
    ...commands.filter((command) => command.who === "user").flatMap(describeCommand),
    "## For administrators",
    "",
    ...commands.filter((command) => command.who === "admin").flatMap(describeCommand),
    "## Options of gateways",
    "",
    ...calendarTypes.flatMap((type) => [
      `### type=${type.name}`,
      "",
      type.summary,
      "",
      ...describeOptions(type).map((option) => `- ${option}`),
      "",
    ]),
    "## Error codes",
    "",
    "| Code | Meaning | What to do |",
    "|---|---|---|",
    ...Object.entries<ErrorCodeText>(COMMAND_ERROR_CODES).map(
      ([code, { meaning, action }]) => `| \`${code}\` | ${escapeCell(meaning)} | ${escapeCell(action)} |`,
    ),
    "",
  ].join("\n");

const describeCommand = ({ name, usage, summary, arguments: list, examples }: Command): readonly string[] => [
  `### ${name}`,
  "",
  summary,
  "",
  "```",
  usage,
  "```",
  "",
  ...list.map((each) => `- \`${each.name}\`${each.isRequired ? "" : " (optional)"}: ${each.text}`),
  ...(list.length > 0 ? [""] : []),
  `Examples: ${examples.map((example) => `\`${example}\``).join(", ")}`,
  "",
];

const escapeCell = (text: string): string => text.replaceAll("|", "\\|");
