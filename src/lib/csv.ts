/** Comma-separated values (RFC 4180) as spreadsheets really write them: with semicolons or tabs, a BOM, any line end. */

/** One record and the line, from 1, on which it begins. */
export type CsvRecord =
  | { readonly line: number; readonly cells: readonly string[] }
  /** A record that cannot be read; the next one begins on the line after it. */
  | { readonly line: number; readonly problem: string };

/** In UTF-16 code units, and without line ends outside of quotes: one quote that is never closed spoils one line and not the rest. */
const LONGEST_CELL = 4096;
const LONGEST_LINE = 32_768;
const DELIMITERS = [",", ";", "\t"] as const;
/** What Excel writes, and hides, to say which delimiter follows. */
const SEPARATOR_LINE = /^sep=([,;\t|])(?:\r\n|\n|\r)/;
const BREAK = /\r\n|\n|\r/;

/** The records in order, empty ones left out. The delimiter is found by the first line. Cost is linear. */
export function* readCsv(text: string): Generator<CsvRecord, void, undefined> {
  const start = text.startsWith("\uFEFF") ? 1 : 0;
  const separator = SEPARATOR_LINE.exec(text.slice(start, start + 8));
  const grammar = chooseGrammar(text.slice(start, start + LONGEST_LINE), separator?.[1]);
  let line = separator ? 2 : 1;
  for (let at = start + (separator?.[0].length ?? 0); at < text.length; ) {
    const [whole = "", plain = ""] = matchAt(grammar.line, text, at) ?? [];
    const read = readRecord(grammar, { text, at, whole, plain });
    if ("problem" in read) yield { line, problem: read.problem };
    else if (read.cells.some((cell) => cell.trim() !== "")) yield { line, cells: read.cells };
    const end = "problem" in read ? at + whole.length : read.end;
    line += countLines(text.slice(at, end));
    at = end;
  }
}

/** One record as a line without its end; with commas. */
export const encodeCsv = (cells: readonly string[]): string =>
  cells.map((cell) => (/[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",");

/** Sticky expressions: their place in the text is theirs alone for as long as one text is read. */
interface Grammar {
  readonly delimiter: string;
  readonly line: RegExp;
  readonly quoted: RegExp;
  readonly plain: RegExp;
}

function chooseGrammar(head: string, given: string | undefined): Grammar {
  const [first = ""] = head.split(BREAK, 1);
  const counts = DELIMITERS.map((each) => first.split(each).length);
  const delimiter = given ?? DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ",";
  return {
    delimiter,
    line: /([^\r\n]*)(?:\r\n|\n|\r)?/y,
    quoted: new RegExp(`"((?:[^"]|""){0,${LONGEST_CELL}})"`, "y"),
    plain: new RegExp(`[^${delimiter}\\r\\n]*`, "y"),
  };
}

const countLines = (text: string): number => Math.max(1, text.split(BREAK).length - 1);

function matchAt(expression: RegExp, text: string, at: number): RegExpExecArray | null {
  expression.lastIndex = at;
  return expression.exec(text);
}

interface Place {
  readonly text: string;
  readonly at: number;
  /** The line at this place, with and without its end. */
  readonly whole: string;
  readonly plain: string;
}

type Read = { readonly cells: readonly string[]; readonly end: number } | { readonly problem: string };

function readRecord(grammar: Grammar, { text, at, whole, plain }: Place): Read {
  if (plain.length > LONGEST_LINE) return { problem: "the line is too long" };
  if (!plain.includes('"')) return { cells: plain.split(grammar.delimiter), end: at + whole.length };
  return readQuotedRecord(grammar, text, at);
}

function readQuotedRecord({ delimiter, quoted, plain }: Grammar, text: string, start: number): Read {
  const cells: string[] = [];
  for (let at = start; ; at++) {
    const isQuoted = text.charAt(at) === '"';
    const cell = matchAt(isQuoted ? quoted : plain, text, at);
    if (!cell) return { problem: "a quote is opened and not closed" };
    cells.push(isQuoted ? (cell[1] ?? "").replaceAll('""', '"') : cell[0]);
    at += cell[0].length;
    if (text.charAt(at) === delimiter) continue;
    const [end = ""] = /^(?:\r\n|\n|\r)/.exec(text.slice(at, at + 2)) ?? [];
    if (end === "" && at < text.length) return { problem: 'a quote inside a cell must be doubled ("")' };
    return { cells, end: at + end.length };
  }
}
