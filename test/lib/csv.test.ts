import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCsv, readCsv } from "../../src/lib/csv.ts";

const read = (text: string) => [...readCsv(text)];
const cells = (text: string) => read(text).map((record) => ("cells" in record ? record.cells : record.problem));

describe("comma-separated values", () => {
  it.each([
    ["commas", "a,b\n1,2\n"],
    ["semicolons", "a;b\n1;2\n"],
    ["tabs", "a\tb\n1\t2"],
    ["CRLF", "a,b\r\n1,2\r\n"],
    ["CR alone", "a,b\r1,2"],
    ["a BOM", "\uFEFFa,b\n1,2"],
    ["a BOM before a quote", '\uFEFF"a","b"\r\n"1","2"'],
    ["Excel's hidden first line", "sep=;\r\na;b\r\n1;2"],
    ["empty lines", "a,b\n\n\r\n,\n1,2\n\n"],
  ])("are read with %s", (_case, text) => {
    expect(cells(text)).toEqual([
      ["a", "b"],
      ["1", "2"],
    ]);
  });

  it("are read with quotes, and lines are counted through them", () => {
    expect(read('a,b\n"x ""y"", z","two\r\nlines"\n,end')).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, cells: ['x "y", z', "two\r\nlines"] },
      { line: 4, cells: ["", "end"] },
    ]);
  });

  it("lose only the line where a quote is wrong", () => {
    expect(read('a,b\n"open,1\n2,3\n"x"y,4\n5,6')).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, problem: 'a quote inside a cell must be doubled ("")' },
      { line: 3, cells: ["2", "3"] },
      { line: 4, problem: 'a quote inside a cell must be doubled ("")' },
      { line: 5, cells: ["5", "6"] },
    ]);
    expect(read('a\n"open\nb')[1]).toEqual({ line: 2, problem: "a quote is opened and not closed" });
    expect(cells('a\nO\'Brien "B"')).toEqual([["a"], ['O\'Brien "B"']]);
  });

  it("have no line of any length", () => {
    expect(cells(`a\n${",".repeat(40_000)}\nb`)).toEqual([["a"], "the line is too long", ["b"]]);
  });

  it("come back as they were written", () => {
    const cell = fc.oneof(fc.string({ maxLength: 8 }), fc.stringMatching(/^[ab",;\t\r\n ']{0,6}$/));
    const row = fc.array(cell, { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
        const text = [["head", "er"], ...rows].map((each) => `${encodeCsv(each)}\r\n`).join("");
        const full = rows.filter((each) => each.some((value) => value.trim() !== ""));
        expect(cells(text).slice(1)).toEqual(full);
      }),
      { numRuns: 300 },
    );
  });

  it("may be anything: every line is in a record or is named, in order", () => {
    const noise = fc.stringMatching(/^[ab",;\t\r\n\uFEFF]{0,60}$/);
    fc.assert(
      fc.property(fc.oneof(noise, fc.string({ unit: "binary", maxLength: 80 })), (text) => {
        const lines = read(text).map(({ line }) => line);
        expect(lines).toEqual([...new Set(lines)].sort((a, b) => a - b));
        expect(lines.every((line) => line >= 1)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
