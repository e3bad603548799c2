import { z } from "zod";
import type { PresentityId } from "../core/addresses.ts";
import type { Override } from "../core/compose.ts";
import type { Instant } from "../lib/time.ts";
import type { User } from "../ports/registry.ts";
import { type Command, type CommandContext, defineCommand, type SettledResult } from "./command.ts";
import { commandError } from "./command-errors.ts";
import type { SummaryKey } from "./languages/chat-texts.ts";
import { EN } from "./languages/en.ts";
import { type Speech, speechFor } from "./speech.ts";

/** What a command works with that everybody may give for themselves, users or not. */
export interface PersonalContext extends CommandContext {
  readonly presentity: PresentityId;
  readonly user: User | undefined;
  readonly speech: Speech;
  readonly now: Instant;
}

/** What a command that users give for themselves works with. */
export interface OwnContext extends PersonalContext {
  readonly user: User;
}

/** A command that people give for themselves, answered in their language. */
interface Definition<Context> {
  readonly name: string;
  readonly summary: SummaryKey;
  readonly form?: string;
  /** What stands after the name, in this order, each with what it is; the last takes all the rest. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly examples: readonly string[];
  /** Throws Refusal for what the person can mend. */
  run(context: Context, words: string): Promise<SettledResult> | SettledResult;
}

/** A command of enabled users. */
export interface OwnCommandDefinition extends Definition<OwnContext> {
  /** Whether it is there for those who have opted out too. */
  readonly isForOptedOut?: boolean;
}

/** What keeps a user's command from being carried out, in the user's language. */
export class Refusal extends Error {}

/** Texts of users' commands by the name of the command, for help in every language. */
export const SUMMARIES: Readonly<Record<string, SummaryKey>> = {
  help: "doesHelp",
  me: "doesMe",
  pause: "doesPause",
  resume: "doesResume",
  end: "doesEnd",
  set: "doesSet",
  language: "doesLanguage",
  zone: "doesZone",
  privacy: "doesPrivacy",
  "opt out": "doesOptOut",
  "opt in": "doesOptIn",
};

/** How a command is written in chat, with examples, in the user's language: `pause [for …|until …]`. */
export const sayForm = (command: Pick<Command, "examples" | "usage">, speech: Speech): readonly string[] => [
  speech.say("usage", { usage: plainUsage(command, speech) }),
  ...command.examples.map((example) => speech.say("example", { example })),
];

/** What stands for something else is named in English only. */
export const plainUsage = ({ usage }: Pick<Command, "usage">, { language }: Speech): string =>
  language === "en" ? usage : usage.replace(/<[^>]*>/g, "…");

/** Makes the command of its definition: for enabled users only, each for itself. A refusal is a result that has failed. */
export const defineOwnCommand = (definition: OwnCommandDefinition): Command =>
  definePersonalCommand({
    ...definition,
    run: ({ user, ...context }, words) => {
      const { speech } = context;
      if (!user?.isEnabled) throw new Refusal(speech.say("notEnabled", {}));
      if (user.optedOutAt !== undefined && !definition.isForOptedOut) {
        throw new Refusal(speech.say("optedOut", { command: "opt in" }));
      }
      return definition.run({ ...context, user }, words);
    },
  });

/** The same for everybody of the served domains: enabled, disabled or not known at all. */
export function definePersonalCommand(definition: Definition<PersonalContext>): Command {
  const { name, summary, form, fields = {}, examples } = definition;
  const names = Object.keys(fields);
  const shape = Object.fromEntries(
    names.map((each) => [
      each,
      z
        .string()
        .optional()
        .describe(fields[each] ?? ""),
    ]),
  );
  return defineCommand({
    name,
    who: "user",
    summary: EN[summary],
    ...(form !== undefined && { form }),
    arguments: z.strictObject(shape),
    positional: names,
    takesRest: names.length > 0,
    examples,
    run: (context, given) => {
      const words = names.map((each) => given[each]?.normalize("NFKC").trim() ?? "").filter((each) => each !== "");
      return runOwn(definition, context, words.join(" "));
    },
  });
}

async function runOwn(
  definition: Definition<PersonalContext>,
  context: CommandContext,
  words: string,
): Promise<SettledResult> {
  const { actor, registry, clock } = context;
  if (!actor.presentity) {
    throw commandError("command-not-possible", "This command is about the one who sends it by chat. Use: why <jid>");
  }
  const { presentity } = actor;
  const user = await registry.findUser(presentity);
  const speech = await speechFor(registry, user);
  try {
    return await definition.run({ ...context, presentity, user, speech, now: clock.now() }, words);
  } catch (error) {
    if (error instanceof Refusal) return { kind: "text", text: error.message, hasFailed: true };
    throw error;
  }
}

/** Sets or takes away what the user asked for; recorded where the gateway does not run. */
export function replaceOverride({ live, journal, presentity }: PersonalContext, override: Override | undefined): void {
  if (live) live.setOverride(presentity, override);
  else {
    journal.replaceOverride(presentity, override);
    journal.flush();
  }
}
