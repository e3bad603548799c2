import type { z } from "zod";
import { nearest } from "../lib/nearest.ts";
import { commandError } from "./command-errors.ts";
import type { Word } from "./parse-command-line.ts";

interface Bindable<Arguments extends z.ZodObject> {
  readonly name: string;
  readonly usage: string;
  readonly arguments: Arguments;
  readonly positional?: readonly string[];
  readonly takesRest?: boolean;
}

type Raw = Record<string, string | Record<string, string>>;

/**
 * The words of a command as its checked arguments. Throws `command-arguments` with every problem at once. Values are
 * never repeated in it unless the value's own schema does: a password typed in the wrong place must not come back.
 */
export function bindArguments<Arguments extends z.ZodObject>(
  command: Bindable<Arguments>,
  words: readonly Word[],
): z.infer<Arguments> {
  const { raw, problems } = assignWords(command, words);
  const checked = command.arguments.safeParse(raw);
  if (checked.success && problems.length === 0) return checked.data;
  const issues = checked.success ? [] : checked.error.issues.map((issue) => describeIssue(raw, issue));
  throw commandError(
    "command-arguments",
    `${command.name}: ${[...problems, ...issues].join("; ")}.\nUsage: ${command.usage}`,
  );
}

function assignWords<A extends z.ZodObject>(
  command: Bindable<A>,
  words: readonly Word[],
): { raw: Raw; problems: readonly string[] } {
  const named = assignOptions(command, words);
  const places = (command.positional ?? []).filter((name) => !Object.hasOwn(named.raw, name));
  const free = words.filter(({ key }) => key === undefined).map(({ value }) => value);
  const last = places.length - 1;
  const values =
    command.takesRest && free.length > places.length ? [...free.slice(0, last), free.slice(last).join(" ")] : free;
  for (const [index, name] of places.entries()) {
    const value = values[index];
    if (value !== undefined) named.raw[name] = value;
  }
  const surplus = values.length - places.length;
  const problem = `${surplus === 1 ? "one word" : `${surplus} words`} too many (quote a value with spaces: name="…")`;
  return { raw: named.raw, problems: surplus > 0 ? [problem, ...named.problems] : named.problems };
}

function assignOptions<A extends z.ZodObject>(
  command: Bindable<A>,
  words: readonly Word[],
): { raw: Raw; problems: readonly string[] } {
  const names = Object.keys(command.arguments.shape);
  const known = names.filter((name) => name !== "others");
  const hasOthers = names.includes("others");
  const others: Record<string, string> = {};
  const raw: Raw = hasOthers ? { others } : {};
  const problems: string[] = [];
  for (const { key, value } of words) {
    if (key === undefined) continue;
    const name = findKey(key, known);
    const target = name === undefined ? others : raw;
    if (name === undefined && !hasOthers) problems.push(describeUnknownKey(key, known));
    else if (Object.hasOwn(target, name ?? key)) problems.push(`${name ?? key} is given twice`);
    else target[name ?? key] = value;
  }
  return { raw, problems };
}

/** The known name meant by a key: in any case, `_` for `-`. */
export const findKey = (key: string, known: readonly string[]): string | undefined => {
  const plain = key.toLowerCase().replaceAll("_", "-");
  return known.find((name) => name.toLowerCase() === plain);
};

/** `there is no option "x"`, with the nearest one or all. */
export function describeUnknownKey(key: string, known: readonly string[]): string {
  const close = nearest(key, known);
  const offer = close ? `; did you mean ${close}?` : known.length > 0 ? ` (there are: ${known.join(", ")})` : "";
  return `there is no option ${JSON.stringify(key)}${offer}`;
}

function describeIssue(raw: Raw, issue: z.core.$ZodIssue): string {
  const name = String(issue.path[0] ?? "");
  return raw[name] === undefined ? `${name} is missing` : `${name}: ${issue.message}`;
}
