import { toGatewayError } from "../../ports/errors.ts";
import type { User } from "../../ports/registry.ts";
import type { CommandContext, CommandResult } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findCommand } from "../find-command.ts";
import { runCommand } from "../run-command-line.ts";
import type { AdhocCommand, MakeStep } from "./adhoc-command.ts";
import type { NamedForm } from "./encode-result.ts";
import type { Answers, FormField } from "./form.ts";
import { NS } from "./namespaces.ts";

/** XEP-0133 4.20: how many entries there may be. */
const PAGE_SIZES = ["25", "50", "75", "100", "150", "200", "none"];
/** More are a matter for `user import`. */
const MOST_AT_ONCE = 100;
/** Keeps the answer below what servers take for one stanza. */
const MOST_LISTED = 2000;

/**
 * The commands of XEP-0133 that mean here what the specification says, its accounts being the users of the gateway:
 * those who are registered are enabled. Announcements, sessions, passwords and the like are the XMPP server's.
 */
export const ADMIN_NODES: readonly AdhocCommand[] = [
  countUsers("get-registered-users-num", "Get Number of Registered Users", "registeredusersnum", "enabled"),
  countUsers("get-disabled-users-num", "Get Number of Disabled Users", "disabledusersnum", "disabled"),
  listUsers("get-registered-users-list", "Get List of Registered Users", "registereduserjids", "enabled"),
  listUsers("get-disabled-users-list", "Get List of Disabled Users", "disableduserjids", "disabled"),
  changeUsers("disable-user", "Disable User", "user disable"),
  changeUsers("reenable-user", "Re-Enable User", "user enable"),
];

type UserState = "disabled" | "enabled";

function nodeOf(name: string): string {
  return `${NS.admin}#${name}`;
}

async function selectUsers({ registry }: CommandContext, state: UserState): Promise<readonly User[]> {
  return (await registry.listUsers()).filter((user) => user.isEnabled === (state === "enabled"));
}

function countUsers(node: string, name: string, field: string, state: UserState): AdhocCommand {
  const run = async (context: CommandContext): Promise<NamedForm> => {
    const values = [String((await selectUsers(context, state)).length)];
    const result = { name: field, label: name, kind: "text-single", values } as const;
    return { kind: "form", title: name, formType: NS.admin, fields: [result] };
  };
  return { node: nodeOf(node), name, who: "admin", steps: [], run };
}

function listUsers(node: string, name: string, field: string, state: UserState): AdhocCommand {
  const choices = PAGE_SIZES.map((value) => ({ value, label: value === "none" ? "None" : value }));
  const asked: FormField = {
    name: "max_items",
    kind: "list-single",
    label: "Maximum number of items to show",
    isRequired: false,
    choices,
  };
  const run = async (context: CommandContext, entered: Answers): Promise<NamedForm> => {
    const most = Math.min(Number(entered.get("max_items") ?? MOST_LISTED) || MOST_LISTED, MOST_LISTED);
    const users = await selectUsers(context, state);
    const values = users.slice(0, most).map((user) => user.presentity);
    const label = users.length > most ? `${name} (the first ${most} of ${users.length})` : name;
    const result = { name: field, label, kind: "jid-multi", values } as const;
    return { kind: "form", title: name, formType: NS.admin, fields: [result] };
  };
  return { node: nodeOf(node), name, who: "admin", steps: [askOne(name, asked)], run };
}

function changeUsers(node: string, name: string, command: string): AdhocCommand {
  const asked: FormField = {
    name: "accountjids",
    kind: "jid-multi",
    label: "The Jabber IDs, one a line",
    isRequired: true,
  };
  const run = async (context: CommandContext, entered: Answers, signal: AbortSignal): Promise<CommandResult> => {
    const jids = (entered.get("accountjids") ?? "").split("\n").filter((jid) => jid.trim() !== "");
    if (jids.length > MOST_AT_ONCE) throw commandError("command-arguments", `At most ${MOST_AT_ONCE} at once.`);
    const lines: string[] = [];
    let hasFailed = false;
    for (const jid of jids) {
      const { text, isDone } = await changeUser(context, { command, jid }, signal);
      lines.push(text);
      hasFailed ||= !isDone;
    }
    return { kind: "lines", title: name, lines, hasFailed };
  };
  return { node: nodeOf(node), name, who: "admin", steps: [askOne(name, asked)], run };
}

function askOne(title: string, field: FormField): MakeStep {
  return async () => ({ title, instructions: [], fields: [field], formType: NS.admin });
}

/** One bad JID does not keep the others from being changed. */
async function changeUser(
  context: CommandContext,
  { command, jid }: { readonly command: string; readonly jid: string },
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly isDone: boolean }> {
  const words = [...command.split(" "), jid].map((value) => ({ value }));
  try {
    const result = await runCommand(context, findCommand("admin", context.commands, words), signal);
    const warnings = result.kind === "text" ? (result.warnings ?? []) : [];
    return { text: [result.kind === "text" ? result.text : `${jid}: done.`, ...warnings].join(" "), isDone: true };
  } catch (error) {
    signal.throwIfAborted();
    return { text: `${jid}: ${toGatewayError(error).message}`, isDone: false };
  }
}
