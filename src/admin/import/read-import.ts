import type { z } from "zod";
import { type Mailbox, type PresentityId, parseSipAor, type SipAor } from "../../core/addresses.ts";
import { type CsvRecord, readCsv } from "../../lib/csv.ts";
import { nearest } from "../../lib/nearest.ts";
import { gatewayNameArgument, mailboxArgument, presentityArgument, userLocaleArgument } from "../argument-schemas.ts";
import { commandError } from "../command-errors.ts";
import { sipArgument, type WantedSip } from "../sip-address.ts";

/** The columns of a list of users, in the order of `user export`. */
export const IMPORT_COLUMNS = ["jid", "mailbox", "gateway", "locale", "sip", "enabled"] as const;
/** Cisco's two ticks, in place of `enabled`: both are needed. */
const TICKS = ["presence", "meeting_information"] as const;
const ALL_COLUMNS = [...IMPORT_COLUMNS, ...TICKS];
type Column = (typeof ALL_COLUMNS)[number];

/** Most rows of one list. */
const MOST_ROWS = 100_000;

/** One row that can be read; what is not given is absent. */
export interface ImportRow {
  readonly line: number;
  readonly jid: PresentityId;
  readonly mailbox?: Mailbox;
  readonly gateway?: string;
  readonly locale?: string;
  readonly sip?: WantedSip | { readonly resting: SipAor };
  readonly isEnabled?: boolean;
  /** What is odd about it, and does not hinder. */
  readonly note?: string;
}

/** A row that cannot be read, with everything that is wrong with it. */
export interface WrongRow {
  readonly line: number;
  readonly problems: readonly string[];
}

/**
 * The rows in order, each read or with its problems. Throws `import-invalid` when there is no header row, when its columns
 * are wrong, and after the last row that is allowed.
 */
export function* readImport(text: string): Generator<ImportRow | WrongRow, void, undefined> {
  const records = readCsv(text);
  const header = records.next();
  const columns = readHeader(header.done ? undefined : header.value);
  let count = 0;
  for (const record of records) {
    count++;
    if (count > MOST_ROWS)
      throw commandError("import-invalid", `There are more than ${MOST_ROWS} rows: split the list.`);
    yield readRow(record, columns);
  }
}

function readHeader(record: CsvRecord | undefined): readonly Column[] {
  if (!record) throw commandError("import-invalid", "There is no row. `user import sample` shows what is read.");
  if ("problem" in record) throw wrongHeader([`line ${record.line}: ${record.problem}`]);
  const names = record.cells.map((cell) =>
    cell
      .trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, "_"),
  );
  while (names.at(-1) === "") names.pop();
  const columns = names.flatMap((name) => ALL_COLUMNS.find((column) => column === name) ?? []);
  const problems = [
    ...describeAllUnknown(names.filter((name) => !columns.some((each) => each === name))),
    ...describeLacks(columns),
  ];
  if (problems.length > 0) throw wrongHeader(problems);
  return columns;
}

/** Exports of other programs have hundreds of columns. */
const MOST_UNKNOWN = 5;

const describeAllUnknown = (names: readonly string[]): readonly string[] => [
  ...names.slice(0, MOST_UNKNOWN).map(describeUnknown),
  ...(names.length > MOST_UNKNOWN ? [`nor ${names.length - MOST_UNKNOWN} more of those that are given`] : []),
];

function describeUnknown(name: string): string {
  const close = nearest(name, ALL_COLUMNS);
  const shown = name === "" ? "one column has no name" : `there is no column ${JSON.stringify(name.slice(0, 40))}`;
  return `${shown}${close ? `; did you mean ${close}?` : ""}`;
}

function describeLacks(columns: readonly Column[]): readonly string[] {
  const twice = new Set(columns.filter((column, index) => columns.indexOf(column) !== index));
  const ticks = TICKS.filter((tick) => columns.includes(tick));
  const lacking = TICKS.filter((tick) => !columns.includes(tick));
  return [
    ...[...twice].map((column) => `the column ${column} is there twice`),
    ...(columns.includes("jid") ? [] : ["the column jid is missing"]),
    ...(ticks.length === 1 ? [`the column ${lacking[0]} is missing beside ${ticks[0]}: both ticks are needed`] : []),
    ...(ticks.length > 0 && columns.includes("enabled") ? ["give enabled or the two ticks, not both"] : []),
  ];
}

const wrongHeader = (problems: readonly string[]): Error =>
  commandError(
    "import-invalid",
    `The header row is wrong: ${problems.join("; ")}. Columns: ${IMPORT_COLUMNS.join(", ")}, or in place of enabled ${TICKS.join(" and ")}.`,
  );

function readRow(record: CsvRecord, columns: readonly Column[]): ImportRow | WrongRow {
  const { line } = record;
  if ("problem" in record) return { line, problems: [record.problem] };
  const { cells } = record;
  if (cells.length < columns.length || cells.slice(columns.length).some((cell) => cell.trim() !== ""))
    return { line, problems: [`it has ${count(cells.length)}, the header ${columns.length}`] };
  const values = new Map(columns.map((column, index) => [column, plainCell(cells[index] ?? "")]));
  return readCells(line, values);
}

const count = (cells: number): string => (cells === 1 ? "1 cell" : `${cells} cells`);

/** `user export` puts an apostrophe before what a spreadsheet would take for a formula. */
const plainCell = (cell: string): string => cell.trim().replace(/^'(?='*[=+@-])/, "");

function readCells(line: number, cells: ReadonlyMap<Column, string>): ImportRow | WrongRow {
  const problems: string[] = [];
  const read = <Value>(column: Column, parse: (text: string) => Parsed<Value>): Value | undefined => {
    const cell = cells.get(column) ?? "";
    if (cell === "" && column !== "jid") return undefined;
    const parsed = parse(cell);
    if (parsed.success) return parsed.data;
    problems.push(`${column}: ${parsed.problem}`);
    return undefined;
  };
  const jid = read("jid", by(presentityArgument));
  const values = {
    mailbox: read("mailbox", by(mailboxArgument)),
    gateway: read("gateway", by(gatewayNameArgument)),
    locale: read("locale", by(userLocaleArgument)),
    sip: read("sip", parseSip),
    isEnabled: read("enabled", parseTick),
  };
  const ticks = readTicks(cells, read);
  if (jid === undefined || problems.length > 0) return { line, problems };
  return { line, jid, ...withoutAbsent(values), ...ticks };
}

type Read = <Value>(column: Column, parse: (text: string) => Parsed<Value>) => Value | undefined;

/** Cisco's two ticks: a user with one of them is not shown, and that is worth a word. */
function readTicks(cells: ReadonlyMap<Column, string>, read: Read): Pick<ImportRow, "isEnabled" | "note"> {
  if (!cells.has("presence")) return {};
  const set = TICKS.filter((tick) => read(tick, parseTick));
  const lacking = TICKS.find((tick) => !set.includes(tick));
  if (lacking === undefined) return { isEnabled: true };
  if (set.length === 0) return { isEnabled: false };
  return {
    isEnabled: false,
    note: `${set[0]} is ticked and ${lacking} is not: both are needed, so the user is not enabled`,
  };
}

type Parsed<Value> =
  | { readonly success: true; readonly data: Value }
  | { readonly success: false; readonly problem: string };

const by =
  <Value>(schema: z.ZodType<Value, string>) =>
  (text: string): Parsed<Value> => {
    const { success, data, error } = schema.safeParse(text);
    return success ? { success, data } : { success, problem: error.issues[0]?.message ?? "is not valid" };
  };

/** As `user set sip=` takes it, and `sip:… (off)` as `user show` and `user export` write an address at rest. */
function parseSip(text: string): Parsed<NonNullable<ImportRow["sip"]>> {
  const address = /^(\S+) \(off\)$/i.exec(text)?.[1];
  const parsed = by(sipArgument)(address ?? text);
  if (!parsed.success || address === undefined) return parsed;
  return { success: true, data: { resting: parseSipAor(address) } };
}

const TICKED = ["yes", "y", "true", "t", "1", "x", "on"];
const UNTICKED = ["no", "n", "false", "f", "0", "off"];

function parseTick(text: string): Parsed<boolean> {
  const word = text.toLowerCase();
  if (TICKED.includes(word)) return { success: true, data: true };
  return UNTICKED.includes(word) ? { success: true, data: false } : { success: false, problem: "must be yes or no" };
}

type Present<Values> = { readonly [Key in keyof Values]?: Exclude<Values[Key], undefined> };

/** The values that are there. */
const withoutAbsent = <Values extends object>(values: Values): Present<Values> => {
  const present: Present<Values> = {};
  return Object.assign(present, Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)));
};
