import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LONGEST_COMMAND, parseCommandLine } from "../../src/admin/parse-command-line.ts";
import { GatewayError } from "../../src/ports/errors.ts";

/** Any UTF-16, lone surrogates too. */
const anyText = (maxLength: number) =>
  fc.array(fc.nat({ max: 0xffff }), { maxLength }).map((units) => String.fromCharCode(...units));

const values = (text: string) => parseCommandLine(text).map(({ key, value }) => (key ? `${key}→${value}` : value));

describe("parseCommandLine", () => {
  it.each<readonly [string, readonly string[]]>([
    ["", []],
    ["  \n\t ", []],
    ["gateway  add\nhead", ["gateway", "add", "head"]],
    ["a\u00a0b", ["a", "b"]],
    ['name="two words" next', ["name→two words", "next"]],
    ["name='two words'", ["name→two words"]],
    ["name=“two words” x", ["name→two words", "x"]],
    ["name=„two words“", ["name→two words"]],
    ['name=“half smart"', ["name→half smart"]],
    ["name=‘it’", ["name→it"]],
    ["\u2068pause for 2h\u2069", ["pause", "for", "2h"]],
    ["\u200f me \u200e", ["me"]],
    ["user\u200b enable al\u202eice@x\u2069 \u2068jid=a", ["user", "enable", "alice@x", "jid→a"]],
    ['"a\u200bb"\u2069 c', ["a\u200bb", "c"]],
    ['""', [""]],
    ['name=""', ["name→"]],
    ["name=", ["name→"]],
    ["account=CORP\\alice", ["account→CORP\\alice"]],
    ["two\\ words", ["two words"]],
    ["back\\\\slash", ["back\\slash"]],
    ["trailing\\", ["trailing\\"]],
    ['"a \\"quoted\\" b"', ['a "quoted" b']],
    ['"C:\\new"', ["C:\\new"]],
    ["O'Brien", ["O'Brien"]],
    ['\\"literal', ['"literal']],
    ["url=https://x/?a=b", ["url→https://x/?a=b"]],
    ['"key=not"', ["key=not"]],
    ["=x", ["=x"]],
    ["a@b=c", ["a@b=c"]],
    ["Max_Wait=3", ["Max_Wait→3"]],
    ["password=a\"b'c", ["password→a\"b'c"]],
  ])("reads %j", (text, expected) => expect(values(text)).toEqual(expected));

  it.each([
    ['name="open', "command-syntax"],
    ["name='open", "command-syntax"],
    ['"a"b', "command-syntax"],
    ["x ".repeat(201), "command-syntax"],
    ["x".repeat(LONGEST_COMMAND + 1), "command-too-long"],
  ])("refuses a line that cannot be meant (%#)", (text, code) => {
    expect(() => parseCommandLine(text)).toThrow(expect.objectContaining({ code }));
  });

  it("reads the longest line of backslashes or quotes", () => {
    expect(values("\\a".repeat(LONGEST_COMMAND / 2))).toEqual(["\\a".repeat(LONGEST_COMMAND / 2)]);
    expect(values(`"${'\\"'.repeat(1000)}"`)).toEqual(['"'.repeat(1000)]);
  });

  it("throws nothing but GatewayError, whatever comes", () => {
    const pieces = fc.constantFrom(
      '"',
      "'",
      "“",
      "”",
      "‘",
      "’",
      "„",
      "\\",
      "=",
      " ",
      "\n",
      "a",
      "key=",
      "\ud800",
      "\u0000",
      "é",
    );
    const line = fc.oneof(
      anyText(40),
      fc.array(pieces, { maxLength: 60 }).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(line, (text) => {
        try {
          return parseCommandLine(text).every(({ value }) => value.length <= text.length);
        } catch (error) {
          return error instanceof GatewayError;
        }
      }),
      { numRuns: 300 },
    );
  });

  it("gives back every value that was quoted", () => {
    const quote = (value: string): string => `"${value.replace(/(["\\])/g, "\\$1")}"`;
    fc.assert(
      fc.property(fc.array(anyText(30), { maxLength: 10 }), (wanted) => {
        expect(values(wanted.map(quote).join(" "))).toEqual(wanted);
        expect(values(wanted.map((value) => `key=${quote(value)}`).join(" "))).toEqual(wanted.map((v) => `key→${v}`));
      }),
      { numRuns: 100 },
    );
  });
});
