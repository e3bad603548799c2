import { expect, it } from "vitest";
import { cutText } from "../../src/lib/cut-text.ts";

it.each([
  ["abc", 3, "abc"],
  ["abcd", 3, "abc"],
  ["ab😀d", 4, "ab😀"],
  ["ab😀d", 3, "ab"],
  ["", 0, ""],
])("%j cut to %i is %j: no half of a character is left", (text, longest, expected) => {
  expect(cutText(text, longest)).toBe(expected);
});
