import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CalendarName } from "../../src/ports/registry.ts";
import { createTestStores, type TestStores } from "./store-fixture.ts";

const REFERENCE = fileURLToPath(new URL("../../../shared/data/calendar-folder-names.tsv", import.meta.url));

/** Where we differ from the reference on purpose, or have no name. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  "bn-BD": "the same loan word as bn-IN; the reference has the word for almanac",
  gd: "written with its accent",
  is: "the word for calendar; the reference has the one for diary",
  ml: "the final letter as one code point (Unicode 5.1 and later)",
  mn: "the loan word in everyday use",
  mr: "the loan word in everyday use",
  si: "written as two words",
  sq: "the definite form, as in other programs",
  uz: "the Uzbek word in Latin letters",
  prs: "left out: no name known for certain",
  quz: "left out: no name known for certain",
  sd: "left out: no name known for certain",
};

/** Tags of the reference that are not the ones we use for the same language. */
const TAGS: Readonly<Record<string, string>> = {
  zh_CN: "zh-Hans",
  zh_TW: "zh-Hant",
  "sr_RS@latin": "sr-Latn",
  sr_RS: "sr-Cyrl",
  sr_BA: "sr-Cyrl",
};

function tagOf(locale: string, ours: ReadonlyMap<string, string>): string {
  const exact = TAGS[locale] ?? locale.replace("_", "-");
  return ours.has(exact) ? exact : (/^[a-z]+/.exec(exact)?.[0] ?? exact);
}

let stores: TestStores;
let names: readonly CalendarName[];
beforeAll(async () => {
  stores = createTestStores();
  names = await stores.open().registry.listCalendarNames();
});
afterAll(() => stores.end());

describe("built-in names of the calendar folder", () => {
  it("cover at least sixty locales, each a canonical BCP 47 tag with a name in NFC", () => {
    expect(names.length).toBeGreaterThanOrEqual(60);
    for (const { locale, name, source } of names) {
      expect(Intl.getCanonicalLocales(locale)).toEqual([locale]);
      expect(name.trim().normalize("NFC")).toBe(name);
      expect(name).not.toBe("");
      expect(source).toBe("built-in");
    }
  });

  it("agree with an independent list, but for the differences named here", (context) => {
    if (!existsSync(REFERENCE)) {
      console.log("skipped: ../shared/data/calendar-folder-names.tsv is not there to compare with");
      return context.skip();
    }
    const ours = new Map(names.map(({ locale, name }) => [locale, name]));
    const differing = new Set<string>();
    for (const line of readFileSync(REFERENCE, "utf8").split("\n")) {
      const [locale, name] = line.split("\t");
      if (!locale || !name || locale.startsWith("#")) continue;
      const tag = tagOf(locale, ours);
      if (ours.get(tag) !== name.trim().normalize("NFC")) differing.add(tag);
    }
    expect([...differing].sort()).toEqual(Object.keys(DIFFERENCES).sort());
  });
});
