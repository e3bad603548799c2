import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { GatewayError } from "../ports/errors.ts";
import { commandError } from "./command-errors.ts";

/** Where secrets may come from, so that none needs to travel by chat. */
export interface SecretLookup {
  /** The configured secrets directory: files of it, and no others, are read for `@name`. */
  readonly directory?: string;
  /** A variable of the gateway's environment, for `$NAME`. */
  environment(name: string): string | undefined;
}

/** A secret, and whether it was itself written into the command. */
export interface FoundSecret {
  readonly value: string;
  readonly isClear: boolean;
}

const LARGEST_FILE = 16_384;
const FILE_NAME = /^(?!\.)[\w.-]{1,128}$/;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const DOUBLED = "A password that itself begins with @ or $ is written with that character doubled.";

/**
 * The secret meant by the value of an option: `@name` a file, `$NAME` an environment variable, `@@…` and `$$…` the text
 * after the first character, anything else itself. Throws `command-secret`, without the value: what looks like a
 * reference may be a password.
 */
export async function findSecret(lookup: SecretLookup, option: string, value: string): Promise<FoundSecret> {
  const [sign, rest] = [value.charAt(0), value.slice(1)];
  if (sign !== "@" && sign !== "$") return { value, isClear: true };
  if (rest.startsWith(sign)) return { value: rest, isClear: true };
  const found =
    sign === "@" ? await readSecretFile(lookup.directory, option, rest) : readVariable(lookup, option, rest);
  if (found === "") throw secretError(option, "what it names is empty");
  return { value: found, isClear: false };
}

const secretError = (option: string, problem: string, cause?: unknown): GatewayError =>
  commandError("command-secret", `${option}: ${problem}. ${DOUBLED}`, cause);

function readVariable(lookup: SecretLookup, option: string, name: string): string {
  // The gateway's own secrets must not go to a calendar server.
  const isAllowed = VARIABLE_NAME.test(name) && !name.toUpperCase().startsWith("PRESENCE_GATEWAY_");
  const value = isAllowed ? lookup.environment(name) : undefined;
  if (value === undefined) throw secretError(option, "the gateway's environment has no variable of this name");
  return value;
}

async function readSecretFile(directory: string | undefined, option: string, name: string): Promise<string> {
  if (directory === undefined)
    throw secretError(option, "no secrets directory is configured (store.secrets-directory), so no file can be read");
  if (!FILE_NAME.test(name))
    throw secretError(option, "after @ stands the plain name of a file in the secrets directory");
  try {
    const path = await realpath(join(directory, name));
    // Links are followed only within the directory: mounted secrets are often links to a sibling.
    if (path.startsWith(`${await realpath(directory)}/`)) return await readSmallFile(path);
  } catch (error) {
    throw secretError(option, describeFailure(error, directory), error);
  }
  throw secretError(option, "the file is a link that leads out of the secrets directory");
}

/** Names the directory, never the file: what stands after @ may be a password. */
const describeFailure = (error: unknown, directory: string): string => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return `there is no file of this name in the secrets directory ${directory}`;
  if (code === "EACCES") return `the gateway may not read this file of the secrets directory ${directory}`;
  return `the file must be a plain text file of at most ${LARGEST_FILE} bytes in the secrets directory`;
};

/** The text without its last line end. O_NONBLOCK: a named pipe must not hold the gateway up. */
async function readSmallFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat().then((stat) => (stat.isFile() ? stat : { size: Number.POSITIVE_INFINITY }));
    if (size > LARGEST_FILE) throw new RangeError("no plain file, or too large");
    const bytes = await file.readFile();
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } finally {
    await file.close();
  }
}
