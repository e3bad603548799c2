import { commandError } from "./command-errors.ts";

/** A word of a command, or an option `key=value`; `key` as it was written. */
export interface Word {
  readonly key?: string;
  readonly value: string;
}

/** Longest command in UTF-16 code units. */
export const LONGEST_COMMAND = 65_536;

const MOST_WORDS = 200;
const KEY = /[A-Za-z][A-Za-z0-9_-]{0,63}=/;
/** Marks of direction, and what takes no room: copied along with a command from an answer in Hebrew, or from a web page. */
const UNSEEN = /[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/g;
const BETWEEN = new RegExp(`(?:\\s|${UNSEEN.source})+`);
const PLAIN = /[^\s\\]+/;

/** Opening quotes and what closes them. Chat clients make “smart” quotes of straight ones, not always in pairs. */
const CLOSING: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "“": '”“"',
  "”": '”“"',
  "„": '“”"',
  "‘": "’‘'",
  "’": "’‘'",
  "‚": "‘’'",
};

/**
 * Splits a command into words. A value that begins with a quote ends at its closing quote; a backslash takes away the
 * meaning of a quote, a space or a backslash after it and is a plain backslash before anything else (`CORP\alice`).
 * Quotes within a word are plain (`O'Brien`). Outside of quotes, marks that are not seen do not count. Throws `command-too-long` and `command-syntax`; cost is linear.
 */
export function parseCommandLine(text: string): readonly Word[] {
  if (text.length > LONGEST_COMMAND) {
    throw commandError("command-too-long", "This command is too long: at most 64 KiB are read.");
  }
  const words: Word[] = [];
  let at = skip(BETWEEN, text, 0);
  while (at < text.length) {
    if (words.length === MOST_WORDS) throw commandError("command-syntax", `At most ${MOST_WORDS} words are read.`);
    const start = skip(KEY, text, at);
    const { value, end } = readValue(text, start);
    words.push(start === at ? { value } : { key: text.slice(at, start - 1), value });
    at = skip(BETWEEN, text, end);
  }
  return words;
}

interface Value {
  readonly value: string;
  readonly end: number;
}

/** Where the expression's match at just `from` ends; `from` when there is none. */
function skip(expression: RegExp, text: string, from: number): number {
  const sticky = new RegExp(expression, "y");
  sticky.lastIndex = from;
  return sticky.test(text) ? sticky.lastIndex : from;
}

function readValue(text: string, start: number): Value {
  const closing = CLOSING[text.charAt(start)];
  return closing === undefined ? readPlain(text, start) : readQuoted(text, start, closing);
}

function readPlain(text: string, start: number): Value {
  const parts: string[] = [];
  let at = start;
  while (at < text.length && !/\s/.test(text.charAt(at))) {
    const end = text.charAt(at) === "\\" ? readEscape(text, at, parts) : skip(PLAIN, text, at);
    if (text.charAt(at) !== "\\") parts.push(text.slice(at, end));
    at = end;
  }
  return { value: parts.join("").replace(UNSEEN, ""), end: at };
}

function readQuoted(text: string, start: number, closing: string): Value {
  const parts: string[] = [];
  let at = start + 1;
  while (at < text.length) {
    const character = text.charAt(at);
    if (closing.includes(character)) return endQuoted(text, at + 1, parts);
    if (character === "\\") at = readEscape(text, at, parts);
    else {
      parts.push(character);
      at++;
    }
  }
  throw commandError("command-syntax", `A quote is opened with ${text.charAt(start)} and never closed.`);
}

function endQuoted(text: string, end: number, parts: readonly string[]): Value {
  if (end < text.length && skip(BETWEEN, text, end) === end) {
    throw commandError(
      "command-syntax",
      'A space is missing after a closing quote; a quote inside quotes is written \\".',
    );
  }
  return { value: parts.join(""), end };
}

function readEscape(text: string, at: number, parts: string[]): number {
  const next = text.charAt(at + 1);
  const isSpecial = next === "\\" || /\s/.test(next) || CLOSING[next] !== undefined;
  parts.push(isSpecial ? next : "\\");
  return isSpecial ? at + 2 : at + 1;
}
