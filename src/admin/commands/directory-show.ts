import { z } from "zod";
import type { DirectorySync } from "../../engine/directories/directory-sync.ts";
import type { DirectoryTemplate } from "../../engine/directories/plan-directory.ts";
import type { Instant } from "../../lib/time.ts";
import { countArgument } from "../argument-schemas.ts";
import { defineCommand, type Field } from "../command.ts";
import { describeHealth } from "../describe-health.ts";
import { findDirectories } from "../find-directory.ts";
import { formatMoment } from "../format-moment.ts";
import { describeLast, directoryArgument } from "./directory-sync.ts";

/** `directory status`. */
export const directoryStatus = defineCommand({
  name: "directory status",
  who: "admin",
  summary: "Shows the directories, and how the last synchronisation of each went.",
  arguments: z.strictObject({}),
  examples: ["directory status"],
  run: async (context) => {
    const now = context.clock.now();
    return {
      kind: "table",
      columns: ["directory", "condition", "last", "result"],
      rows: findDirectories(context).map((each) => [
        each.settings.name,
        describeHealth(each.health(), now),
        describeTime(each, now),
        describeLast(each),
      ]),
      empty: "No directory is configured.",
    };
  },
});

const describeTime = ({ outcome }: DirectorySync, now: Instant): string =>
  outcome === undefined ? "never" : formatMoment(outcome.at, now);

/** `directory show`. */
export const directoryShow = defineCommand({
  name: "directory show",
  who: "admin",
  summary: "Shows one directory: its templates, schedule and last synchronisation.",
  arguments: z.strictObject({ name: directoryArgument }),
  positional: ["name"],
  examples: ["directory show head-office"],
  run: async (context, { name }) => {
    const [directory] = findDirectories(context, name);
    return { kind: "fields", title: name, fields: directory ? fieldsOf(directory, context.clock.now()) : [] };
  },
});

function fieldsOf(directory: DirectorySync, now: Instant): readonly Field[] {
  const { templates, interval, mostRemovedPercent, takesOver } = directory.settings;
  return [
    ["condition", describeHealth(directory.health(), now)],
    ["last", `${describeTime(directory, now)}: ${describeLast(directory)}`],
    ["schedule", `every ${interval / 60_000} minutes`],
    ["asks", `before it removes more than ${mostRemovedPercent} % of its users, and more than 5`],
    ["made by hand", takesOver ? "users in the directory are taken over" : "users stay as they are"],
    ...templates.map((each, place): Field => [`template ${place + 1}`, describeTemplate(each)]),
  ];
}

const describeTemplate = ({ isEnabled, gateway, locale }: DirectoryTemplate): string =>
  isEnabled ? `enabled, gateway ${gateway ?? "(the only one)"}, locale ${locale ?? "(of each)"}` : "not enabled";

/** `directory mismatches`. */
export const directoryMismatches = defineCommand({
  name: "directory mismatches",
  who: "admin",
  summary:
    "Lists people whose JID, mailbox and user principal name are not the same, and those whom the directory cannot make users, with the reason.",
  arguments: z.strictObject({
    name: directoryArgument.optional(),
    limit: countArgument(1000).optional().describe("Most people to list; 50 if not given."),
  }),
  positional: ["name"],
  examples: ["directory mismatches", "directory mismatches head-office limit=200"],
  run: async (context, { name, limit = 50 }) => {
    const all = findDirectories(context, name).flatMap(({ mismatches }) => mismatches);
    const rest = all.length - limit;
    return {
      kind: "table",
      columns: ["why", "jid", "mailbox", "UPN", "entry", "reason"],
      // Those who are no users first: for them there is something to do.
      rows: [...all.filter(({ kind }) => kind !== "differs"), ...all.filter(({ kind }) => kind === "differs")]
        .slice(0, limit)
        .map((each) => [each.kind, each.jid, each.mailbox, each.principal, each.name, each.text]),
      empty: "Everybody's JID, mailbox and user principal name fit together.",
      warnings: rest > 0 ? [`${rest} more; raise limit=`] : [],
    };
  },
});
