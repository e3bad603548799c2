import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeResult } from "../../../src/admin/adhoc/encode-result.ts";
import type { SettledResult } from "../../../src/admin/command.ts";
import { elementsOf } from "../../../src/ports/xml-element.ts";
import { encodeXml } from "../../../src/xmpp/stanza-writer.ts";
import { NS_COMMANDS, toElement, view } from "./adhoc-stage.ts";

const commandOf = (result: SettledResult) => ({
  name: "command",
  attributes: { xmlns: NS_COMMANDS },
  children: encodeResult(result),
});
const shown = (result: SettledResult) => view(commandOf(result));

describe("a result", () => {
  it("that is a sentence is a note, with its warnings", () => {
    expect(shown({ kind: "text", text: "Done.", warnings: ["Look out."] }).notes).toEqual([
      "info: Done.",
      "warn: Look out.",
    ]);
    expect(shown({ kind: "text", text: "No.", hasFailed: true }).notes).toEqual(["error: No."]);
  });

  it("of several lines is a form, so is a list of fields", () => {
    expect(shown({ kind: "text", text: "a\nb" }).values).toEqual({ lines: ["a", "b"] });
    expect(shown({ kind: "lines", title: "t", lines: ["a"], hasFailed: true }).notes).toHaveLength(1);
    expect(
      shown({
        kind: "fields",
        fields: [
          ["x", "1"],
          ["x", "2"],
        ],
      }).values,
    ).toEqual({ "field-1": ["1"], "field-2": ["2"] });
    expect(shown({ kind: "fields", title: "Gone.", fields: [] }).notes).toEqual(["info: Gone."]);
  });

  it("that is a table has a field a row, since clients stumble over tables", () => {
    const rows = [
      ["alice", "", "y"],
      ["bob", "x", ""],
      ["carol", "", ""],
    ];
    const table = encodeResult({ kind: "table", columns: ["who", "what", "why"], rows, empty: "none" });
    const [form] = table.map((draft) => toElement(draft));
    expect(form && elementsOf(form).map(({ attributes }) => attributes["label"])).toEqual(["alice", "bob", "carol"]);
    const { values } = shown({ kind: "table", columns: ["who", "what", "why"], rows, empty: "none" });
    expect(values).toEqual({ "row-1": ["why: y"], "row-2": ["what: x"], "row-3": [] });
    expect(shown({ kind: "table", columns: ["who"], rows: [], empty: "none" }).notes).toEqual(["info: none"]);
  });

  it("shows what strangers have named without their line breaks and turned-round text", () => {
    const { values } = shown({ kind: "fields", fields: [["client", "a\nb\u202Ec"]] });
    expect(values["field-1"]).toEqual(["a bc"]);
  });
});

const anyText = fc.string({ unit: "binary", maxLength: 3000 });
const anyRows = fc.array(fc.array(anyText, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 30 });
const anyResult: fc.Arbitrary<SettledResult> = fc.oneof(
  anyText.map((text) => ({ kind: "text", text }) as const),
  fc.array(anyText, { maxLength: 100 }).map((lines) => ({ kind: "lines", lines }) as const),
  fc.array(fc.tuple(anyText, anyText), { maxLength: 100 }).map((fields) => ({ kind: "fields", fields }) as const),
  anyRows.map((rows) => ({ kind: "table", columns: ["a", "b", "c"], rows, empty: "" }) as const),
);

describe("any result", () => {
  it("fits into a stanza that every server takes, however long it is", () => {
    fc.assert(
      fc.property(anyResult, (result) => {
        expect(Buffer.byteLength(encodeXml(commandOf(result)))).toBeLessThan(400_000);
      }),
      { numRuns: 40 },
    );
    const rows = Array.from({ length: 20_000 }, (_, index) => [`user${index}@example.com`, "mailbox", "hq"]);
    const table = commandOf({ kind: "table", columns: ["a", "b", "c"], rows, empty: "" });
    expect(Buffer.byteLength(encodeXml(table))).toBeLessThan(400_000);
    expect(view(table).notes[0]).toMatch(/^warn: There is more/);
    const lines = Array.from({ length: 20_000 }, () => "&".repeat(400));
    expect(Buffer.byteLength(encodeXml(commandOf({ kind: "lines", lines })))).toBeLessThan(400_000);
  });
});
