import type { XmlDraft } from "../../ports/xmpp-link.ts";
import type { SettledResult } from "../command.ts";
import { drawLine } from "../draw-text.ts";
import { element, encodeFormType } from "./encode-form.ts";
import { NS } from "./namespaces.ts";

/** One field of a result whose form a specification names. */
interface ResultField {
  readonly name: string;
  readonly label: string;
  readonly kind: "jid-multi" | "text-single";
  readonly values: readonly string[];
}

/** A result that a specification names (XEP-0068). */
export interface NamedForm {
  readonly kind: "form";
  readonly title: string;
  readonly formType: string;
  readonly fields: readonly ResultField[];
}

/** XEP-0050 section 3.4: what kind of remark it is. */
export type NoteType = "error" | "info" | "warn";

/** Characters of values in one answer: with its markup it stays well below what servers take (512 KiB in Prosody). */
const LONGEST = 65_536;
/** What the markup of one value counts for. */
const MARKUP = 40;
const TOO_MUCH = "There is more than fits here: ask by chat for all of it.";

/** A note (XEP-0050). */
export const encodeNote = (type: NoteType, text: string): XmlDraft => ({
  name: "note",
  attributes: { type },
  children: [text],
});

/** What a command found or did as children of `<command/>`: notes, and for more than a sentence a form of type `result`. */
export function encodeResult(result: SettledResult | NamedForm): readonly XmlDraft[] {
  if (result.kind === "form") return [encodeNamedForm(result)];
  const warnings = (result.warnings ?? []).map((warning) => encodeNote("warn", drawLine(warning)));
  const main: NoteType = result.hasFailed ? "error" : "info";
  switch (result.kind) {
    case "text":
      return [...encodeText(result.text, main), ...warnings];
    case "lines": {
      const failure = result.hasFailed ? [encodeNote("error", "Not everything worked: see the lines.")] : [];
      return [...encodeLines(result.title, result.lines), ...failure, ...warnings];
    }
    case "fields": {
      const title = result.title === undefined ? undefined : drawLine(result.title);
      if (result.fields.length === 0) return [encodeNote(main, title ?? ""), ...warnings];
      const { kept, notes } = keepWithin(result.fields, ([name, value]) => name.length + value.length);
      const fields = kept.map(([name, value], index) => singleField(`field-${index + 1}`, drawLine(name), value));
      return [encodeForm(title, fields), ...notes, ...warnings];
    }
    case "table":
      return result.rows.length === 0
        ? [encodeNote(main, result.empty), ...warnings]
        : [...encodeTable(result), ...warnings];
  }
}

/** The result of many lines, such as those of a progress that is over. */
function encodeLines(title: string | undefined, lines: readonly string[]): readonly XmlDraft[] {
  const { kept, notes } = keepWithin(lines, (line) => line.length);
  const values = kept.map((line) => element("value", drawLine(line)));
  const field = { name: "field", attributes: { var: "lines", type: "text-multi" }, children: values };
  return [encodeForm(title === undefined ? undefined : drawLine(title), [field]), ...notes];
}

const encodeText = (text: string, type: NoteType): readonly XmlDraft[] =>
  text.includes("\n") ? encodeLines(undefined, text.split("\n")) : [encodeNote(type, drawLine(text))];

/**
 * A row is a field, named by its first cell: `<reported/>` and items (XEP-0004 3.4) would say it better, but the window of
 * ad-hoc commands of Gajim 1.7 breaks on them and hangs, and Profanity 0.13 shows nothing of them.
 */
function encodeTable({ title, columns, rows }: Extract<SettledResult, { kind: "table" }>): readonly XmlDraft[] {
  const { kept, notes } = keepWithin(rows, (row) => row.reduce((sum, cell) => sum + cell.length + MARKUP, 0));
  const fields = kept.map(([first = "", ...cells], index) => {
    const named = cells.flatMap((cell, at) => (cell === "" ? [] : [`${columns[at + 1] ?? ""}: ${cell}`]));
    return singleField(`row-${index + 1}`, drawLine(first), named.join("; "));
  });
  return [encodeForm(title === undefined ? undefined : drawLine(title), fields), ...notes];
}

const encodeForm = (title: string | undefined, children: readonly XmlDraft[]): XmlDraft => ({
  name: "x",
  attributes: { xmlns: NS.data, type: "result" },
  children: [...(title === undefined ? [] : [element("title", title)]), ...children],
});

const singleField = (name: string, label: string, value: string): XmlDraft => ({
  name: "field",
  attributes: { var: name, type: "text-single", label },
  // No empty value: clients stumble over one.
  children: value === "" ? [] : [element("value", drawLine(value))],
});

const encodeNamedForm = ({ title, formType, fields }: NamedForm): XmlDraft =>
  encodeForm(title, [
    encodeFormType(formType),
    ...fields.map(({ name, label, kind, values }) => ({
      name: "field",
      attributes: { var: name, type: kind, label },
      children: values.map((value) => element("value", value)),
    })),
  ]);

/** The first of them that fit into one answer, and a note when there are more. */
function keepWithin<Item>(
  items: readonly Item[],
  lengthOf: (item: Item) => number,
): { readonly kept: readonly Item[]; readonly notes: readonly XmlDraft[] } {
  let rest = LONGEST;
  const over = items.findIndex((item) => {
    rest -= lengthOf(item) + MARKUP;
    return rest < 0;
  });
  return over < 0 ? { kept: items, notes: [] } : { kept: items.slice(0, over), notes: [encodeNote("warn", TOO_MUCH)] };
}
