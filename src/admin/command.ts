import type { z } from "zod";
import type { BareJid, PresentityId } from "../core/addresses.ts";
import type { DirectorySync } from "../engine/directories/directory-sync.ts";
import type { DirectoryUsers } from "../ports/directory-users.ts";
import type { Journal } from "../ports/journal.ts";
import type { PluginDefinition } from "../ports/plugin-definition.ts";
import type { Registry } from "../ports/registry.ts";
import type { Clock } from "../ports/runtime.ts";
import type { TrustStore } from "../ports/trust-store.ts";
import type { UserImports } from "../ports/user-imports.ts";
import { bindArguments } from "./bind-arguments.ts";
import type { ExamineServer } from "./certificates/live-trust.ts";
import { commandError } from "./command-errors.ts";
import { describeSchema, isRequired } from "./describe-schema.ts";
import type { LiveGateway } from "./live-gateway.ts";
import type { Word } from "./parse-command-line.ts";
import { choicesOf } from "./schema-choices.ts";
import type { SecretLookup } from "./secret-lookup.ts";

/** Who may give a command: administrators only, or everybody whom the gateway serves. */
export type Role = "admin" | "user";

/** Who gives a command. */
export interface Actor {
  /** As it stands in the audit: a bare JID or `local administrator`. */
  readonly name: string;
  readonly role: Role;
  /** Absent for the local administrator, who has no presence. */
  readonly presentity?: PresentityId;
  /** The domains that an administrator is limited to; absent: there is no limit. */
  readonly domains?: readonly string[];
}

/** Whoever may run the program on the gateway's machine. */
export const LOCAL_ADMINISTRATOR: Actor = { name: "local administrator", role: "admin" };

/** Certificates as commands see them. */
export interface CertificateServices {
  readonly store: TrustStore;
  readonly examine: ExamineServer;
}

/** What commands act upon. */
export interface CommandServices {
  readonly registry: Registry;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly live?: LiveGateway;
  /** Of the running gateway; absent while it is stopped. */
  readonly directories?: readonly DirectorySync[];
  /** Which users come from a directory. */
  readonly directoryUsers?: Pick<DirectoryUsers, "find">;
  readonly calendarTypes: readonly PluginDefinition<"calendar">[];
  /** Domains whose users may be enabled, as `parseBareJid` gives them. */
  readonly servedDomains: readonly string[];
  /** Bare JIDs of users who are administrators of their own domain's users. */
  readonly domainAdmins?: readonly BareJid[];
  readonly secrets: SecretLookup;
  readonly certificates: CertificateServices;
  readonly imports: UserImports;
  readonly commands: readonly Command[];
}

/** The services and who asks for them. */
export interface CommandContext extends CommandServices {
  readonly actor: Actor;
  /** What came with the command: the lines below it, or a file's text. For commands that take one. */
  readonly text?: string;
}

/** A name and its value. */
export type Field = readonly [name: string, value: string];

/** What a command found or did, as data: each front end draws it in its own way. */
export type SettledResult = {
  readonly warnings?: readonly string[];
  /** True when what the command tried has failed: whoever runs it from a script must hear of it. */
  readonly hasFailed?: boolean;
} & (
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "fields"; readonly title?: string; readonly fields: readonly Field[] }
  | { readonly kind: "lines"; readonly title?: string; readonly lines: readonly string[] }
  | {
      readonly kind: "table";
      readonly title?: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
      /** Said in place of a table without rows. */
      readonly empty: string;
    }
);

/** What takes its time: lines as they are known, and at last how it came out. Throws GatewayError as `run` does. */
export interface ProgressResult {
  readonly kind: "progress";
  readonly title?: string;
  readonly lines: AsyncGenerator<string, SettledResult, undefined>;
}

/** What a command answers, at once or step by step. */
export type CommandResult = SettledResult | ProgressResult;

/** One argument as help, forms and docs/COMMANDS.md show it. */
export interface ArgumentText {
  readonly name: string;
  readonly text: string;
  readonly isRequired: boolean;
  /** The only words that it may be, where it is one of a few. */
  readonly choices: readonly string[];
}

/** A command as the front ends see it. */
export interface Command {
  readonly name: string;
  readonly who: Role;
  readonly summary: string;
  readonly usage: string;
  readonly arguments: readonly ArgumentText[];
  /** Arguments that are given by their place, in order. */
  readonly positional?: readonly string[];
  readonly examples: readonly string[];
  /** Whether an administrator of one domain may give it; where it names a user by `jid`, of that domain only. */
  readonly isPerDomain?: boolean;
  /** Whether lines below the command are a text that belongs to it, and no more words. */
  readonly takesText?: boolean;
  /** What a form says of it beside the summary, a line each. */
  readonly hints?: readonly string[];
  /** Checks the words after the name, then acts. Throws GatewayError (`command-…`, `store-…`). */
  run(context: CommandContext, words: readonly Word[], signal: AbortSignal): Promise<CommandResult>;
}

/** A command as it is written down: `arguments` checks every value and, by its types, tells `run` what it gets. */
export interface CommandDefinition<Arguments extends z.ZodObject> {
  readonly name: string;
  readonly who: Role;
  readonly summary: string;
  /** The form after the name, where the one made from `arguments` would not say it all. */
  readonly form?: string;
  /** Strict. A key `others` takes all options that are not named. */
  readonly arguments: Arguments;
  /** Arguments that are given by their place; all may be given as `name=value` too. */
  readonly positional?: readonly (keyof z.infer<Arguments> & string)[];
  /** Whether the last positional argument takes all the remaining words. */
  readonly takesRest?: boolean;
  readonly takesText?: boolean;
  readonly isPerDomain?: boolean;
  readonly examples: readonly string[];
  run(context: CommandContext, args: z.infer<Arguments>, signal: AbortSignal): Promise<CommandResult>;
}

/** Makes the command of its definition. */
export function defineCommand<Arguments extends z.ZodObject>(definition: CommandDefinition<Arguments>): Command {
  const { name, who, summary, examples, takesText, isPerDomain } = definition;
  const usage = [name, definition.form ?? formOf(definition)].filter((part) => part !== "").join(" ");
  return {
    name,
    who,
    summary,
    usage,
    arguments: describeArguments(definition),
    positional: definition.positional ?? [],
    examples,
    ...(takesText && { takesText }),
    ...(isPerDomain && { isPerDomain }),
    run: async (context, words, signal) => {
      const bound = bindArguments({ ...definition, usage }, words);
      checkDomain(context.actor, bound);
      return definition.run(context, bound, signal);
    },
  };
}

/** An administrator of one domain changes nobody of another, and is told nothing of them. */
function checkDomain({ domains, role }: Actor, bound: object): void {
  const jid = "jid" in bound && typeof bound.jid === "string" ? bound.jid : undefined;
  if (role !== "admin" || !domains || jid === undefined || domains.includes(jid.slice(jid.indexOf("@") + 1))) return;
  throw commandError("command-forbidden", `You are administrator of ${domains.join(", ")} only.`);
}

const describeArguments = <A extends z.ZodObject>({ arguments: schema }: CommandDefinition<A>): ArgumentText[] =>
  Object.entries(schema.shape).map(([name, each]) => ({
    name: name === "others" ? "option" : name,
    text: describeSchema(each),
    isRequired: name !== "others" && isRequired(each),
    choices: choicesOf(each),
  }));

function formOf<A extends z.ZodObject>(definition: CommandDefinition<A>): string {
  const positional: readonly string[] = definition.positional ?? [];
  const form = ({ name, isRequired: isNeeded }: ArgumentText): string => {
    const plain = positional.includes(name) ? `<${name}>` : `${name}=…`;
    return isNeeded ? plain : `[${plain}]`;
  };
  return describeArguments(definition).map(form).join(" ");
}
