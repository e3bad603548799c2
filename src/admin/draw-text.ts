import { cutText } from "../lib/cut-text.ts";
import type { GatewayError } from "../ports/errors.ts";
import type { SettledResult } from "./command.ts";

const LONGEST_CELL = 400;
/** A step of a test may have to name a whole chain of certificates, a line of `user export` all of somebody's addresses. */
const LONGEST_LINE = 4000;

/** A result as plain text, for chat and for the command line. Readable in proportional fonts too. */
export function drawText(result: SettledResult): string {
  const warnings = (result.warnings ?? []).map((warning) => `Warning: ${drawValue(warning)}`);
  return [...drawBody(result), ...warnings].join("\n");
}

/** One line of a progress. */
export const drawLine = (line: string): string => drawValue(line, LONGEST_LINE);

/** A command's failure as plain text. */
export const drawError = (error: GatewayError): string => `${drawMessage(error)} [${error.code}]`;

/** What an error says: it may quote what was sent. */
export const drawMessage = ({ message }: Pick<GatewayError, "message">): string =>
  message.split("\n").map(drawLine).join("\n");

function drawBody(result: SettledResult): readonly string[] {
  switch (result.kind) {
    case "text":
      return result.text.split("\n").map((each) => drawValue(each));
    case "lines":
      return [...drawTitle(result.title), ...result.lines.map((each) => drawValue(each))];
    case "fields":
      return [
        ...drawTitle(result.title),
        ...result.fields.map(([name, value]) => `${isolate(drawValue(name))}: ${isolate(drawValue(value))}`),
      ];
    case "table":
      return [
        ...drawTitle(result.title),
        ...(result.rows.length === 0 ? [result.empty] : drawTable(result.columns, result.rows)),
      ];
  }
}

const drawTitle = (title: string | undefined): readonly string[] => (title === undefined ? [] : [drawValue(title)]);

/** Columns are padded for fixed fonts and parted by bars for others; the last is not padded. */
function drawTable(columns: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = [columns, ...rows].map((row) => row.map((each) => isolate(drawValue(each))));
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join(" | "),
  );
}

/** One line of bounded length. Names of clients come from strangers: no line breaks, controls or turned-round text. */
const drawValue = (value: string, limit = LONGEST_CELL): string => {
  const line = withoutTurns(value.replace(/[\p{Cc}\u2028\u2029]+/gu, " "));
  return line.length > limit ? `${cutText(line, limit)}…` : line;
};

const FROM_RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** Unicode UAX #9: what is written from right to left does not change places with what stands beside it. */
const isolate = (value: string): string =>
  FROM_RIGHT_TO_LEFT.test(value) && !value.includes("\u2068") ? `\u2068${value}\u2069` : value;

/** Isolates that the gateway itself sets around a value (Speech) are left: each is closed, and none is in another. */
const withoutTurns = (line: string): string => {
  const plain = line.replace(/[\u202A-\u202E\u2066\u2067]/g, "");
  return /^[^\u2068\u2069]*(\u2068[^\u2068\u2069]*\u2069[^\u2068\u2069]*)*$/.test(plain)
    ? plain
    : plain.replace(/[\u2068\u2069]/g, "");
};

/** The text in parts of at most `limit` UTF-8 bytes, cut at line ends where there are any. */
export function splitText(text: string, limit: number): readonly string[] {
  const parts: string[] = [];
  let part = "";
  for (const line of text.split("\n").flatMap((each) => cutLine(each, limit))) {
    const longer = part === "" ? line : `${part}\n${line}`;
    if (part !== "" && Buffer.byteLength(longer) > limit) {
      parts.push(part);
      part = line;
    } else part = longer;
  }
  return part === "" && parts.length > 0 ? parts : [...parts, part];
}

/** A line in pieces that fit, never cut within a character. */
function cutLine(line: string, limit: number): readonly string[] {
  if (Buffer.byteLength(line) <= limit) return [line];
  const pieces: string[] = [];
  let piece = "";
  let length = 0;
  for (const character of line) {
    const size = Buffer.byteLength(character);
    if (length + size > limit) {
      pieces.push(piece);
      piece = "";
      length = 0;
    }
    piece += character;
    length += size;
  }
  return [...pieces, piece];
}
