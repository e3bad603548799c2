import { describe, expect, it } from "vitest";
import {
  checkParameter,
  type IntegerParameterName,
  isParameterName,
  PARAMETERS,
  type ParameterName,
  readParameters,
} from "../../src/ports/parameters.ts";

/** The defaults and ranges of the guides; P2's default is ours (architecture: all at once), and so is P7's range. */
const GUIDE: readonly (readonly [string, IntegerParameterName, number, number, number])[] = [
  ["[P2]", "calendar-spread", 0, 0, 59],
  ["[P3]", "exchange-timeout", 3, 1, 20],
  ["[P4]", "exchange-queue", 2200, 1, 5000],
  ["[P5]", "exchange-threads", 60, 1, 100],
  ["[P6]", "ews-status-frequency", 60, 10, 1440],
  ["[P7]", "office365-pull-interval", 60, 1, 1440],
];

const isAccepted = (name: ParameterName, text: string): boolean => "value" in checkParameter(name, text);

describe("the calendaring parameters", () => {
  it.each(GUIDE)("%s %s is %i by default, from %i to %i", (_, name, standard, min, max) => {
    expect(readParameters(() => ({})).integer(name)).toBe(standard);
    for (const value of [standard, min, max]) expect(checkParameter(name, ` ${value} `)).toEqual({ value: `${value}` });
    for (const text of [min - 1, max + 1].map(String)) expect(isAccepted(name, text)).toBe(false);
    for (const text of ["", " ", "x", "3.5", "1e1", "0x10", "٣", "NaN", "Infinity", "9".repeat(400)]) {
      expect(isAccepted(name, text)).toBe(false);
    }
  });
});

describe("every parameter", () => {
  it.each(Object.entries(PARAMETERS))(
    "%s accepts its own default and says what is wrong with anything else",
    (key, definition) => {
      expect(isParameterName(key)).toBe(true);
      if (!isParameterName(key)) return;
      expect(checkParameter(key, String(definition.default))).toEqual({ value: String(definition.default) });
      const refusal = checkParameter(key, "no such value");
      expect(refusal).toHaveProperty("problem", expect.stringContaining(key));
    },
  );

  it("has a name, and what only every object has is none", () => {
    for (const name of ["constructor", "__proto__", "toString", ""]) expect(isParameterName(name)).toBe(false);
  });
});

describe("values read from the store", () => {
  it("are live, written in any case, and the default where they are no longer allowed", () => {
    let stored: Readonly<Record<string, string>> = { "busy-as": "AWAY", "exchange-timeout": "21" };
    const parameters = readParameters(() => stored);
    expect([parameters.choice("busy-as"), parameters.integer("exchange-timeout")]).toEqual(["away", 3]);
    stored = { "exchange-timeout": "20" };
    expect([parameters.choice("busy-as"), parameters.integer("exchange-timeout")]).toEqual(["dnd", 20]);
  });
});
