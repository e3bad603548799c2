import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { COMMANDS } from "../admin/command-catalogue.ts";
import { findCommand } from "../admin/find-command.ts";
import { parseCommandLine } from "../admin/parse-command-line.ts";
import { GatewayError } from "../ports/errors.ts";

const NO_TEXT = "it is neither UTF-8 nor UTF-16 with a mark; save it as “CSV UTF-8”";
const LARGEST = 16_777_216; // bytes

/**
 * The text of the file that the command names, `-` being the standard input; `undefined` for a command that takes none.
 * It is read here, with the rights of whoever gives the command. Throws GatewayError `list-unreadable`.
 */
export async function readAttachedText(line: string, input: Readable = process.stdin): Promise<string | undefined> {
  const file = findFile(line);
  if (file === undefined) return undefined;
  const name = file === "-" ? "the standard input" : file;
  try {
    const text = decode(file === "-" ? await readAll(input) : await readFile(file));
    if (text.trim() === "") throw new RangeError("it is empty");
    return text;
  } catch (error) {
    const reason = error instanceof TypeError ? NO_TEXT : error instanceof Error ? error.message : String(error);
    throw new GatewayError(`cannot read ${name}: ${reason}`, { type: "modify", code: "list-unreadable", cause: error });
  }
}

/** What is wrong with the line is told where it is run. */
function findFile(line: string): string | undefined {
  try {
    const { command, words } = findCommand("admin", COMMANDS, parseCommandLine(line));
    const file = words
      .map(({ key, value }) => (key === undefined || key === "file" ? value : `${key}=${value}`))
      .join(" ");
    return command.takesText && file !== "" && !/[\r\n]/.test(line.trim()) ? file : undefined;
  } catch (error) {
    if (error instanceof GatewayError) return undefined;
    throw error;
  }
}

async function readFile(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    return await readAll(file.createReadStream({ autoClose: false }));
  } finally {
    await file.close();
  }
}

async function readAll(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > LARGEST) throw new RangeError("it is larger than 16 MiB");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** Excel's “Unicode text” is UTF-16, known by its mark. */
function decode(bytes: Buffer): string {
  const mark = bytes.toString("hex", 0, 2);
  const encoding = mark === "fffe" ? "utf-16le" : mark === "feff" ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}
