import { z } from "zod";
import { encodeCsv } from "../../lib/csv.ts";
import type { User } from "../../ports/registry.ts";
import { isOwnDomain } from "../authorization.ts";
import { defineCommand, type SettledResult } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { IMPORT_COLUMNS } from "../import/read-import.ts";
import { describeSip } from "../sip-address.ts";

/** More would be a hundred messages. */
const MOST_BY_CHAT = 1000;

/** `user export`. */
export const userExport = defineCommand({
  name: "user export",
  who: "admin",
  isPerDomain: true,
  summary: "Writes all users as the list (CSV) that user import reads: reading it changes nothing.",
  arguments: z.strictObject({
    filter: z.string().trim().toLowerCase().optional().describe("Only users whose JID has this text."),
  }),
  positional: ["filter"],
  examples: ["user export", "user export @example.com"],
  run: async ({ registry, actor }, { filter = "" }) => {
    const users = (await registry.listUsers()).filter(
      ({ presentity }) => presentity.includes(filter) && isOwnDomain(actor, presentity),
    );
    if (actor.presentity !== undefined && users.length > MOST_BY_CHAT)
      throw commandError(
        "command-not-possible",
        `${users.length} users are too many for the chat: presence-gateway command user export > users.csv, or user export <text>.`,
      );
    return { kind: "progress", lines: exportUsers(users) };
  },
});

async function* exportUsers(users: readonly User[]): AsyncGenerator<string, SettledResult, undefined> {
  yield encodeCsv(IMPORT_COLUMNS);
  for (const user of users) yield encodeCsv(cellsOf(user).map(plainCell));
  return { kind: "text", text: "" };
}

const cellsOf = (user: User): readonly string[] => [
  user.presentity,
  user.mailbox,
  user.gateway,
  user.localeFrom === undefined ? user.locale : "auto",
  describeSip(user) ?? "none",
  user.isEnabled ? "yes" : "no",
];

/** A spreadsheet would run what begins like a formula; `user import` takes the apostrophe off again, and that one only. */
const plainCell = (cell: string): string => (/^'*[=+@-]/.test(cell) ? `'${cell}` : cell);
