import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClientPresence } from "../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import {
  matchLanguage,
  matchTag,
  normalizeStateText,
  reservedTexts,
  stateText,
  withoutReservedTexts,
} from "../../src/core/texts.ts";
import { instant } from "../../src/lib/time.ts";
import { anyText } from "../lib/any-text.ts";

const reserved = reservedTexts(TEXT_CATALOGUE);
const isReserved = (text: string): boolean => reserved.has(normalizeStateText(text));
const languages = Object.entries(TEXT_CATALOGUE);

/** What people and programs put around and into words without changing what is read. */
const INVISIBLE = [
  "\u200b",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\ufe0f",
  "\u034f",
  "\u3164",
  "\u0085",
  "\u{e0020}",
];
const AROUND = [" ", "\t", "\n", "\u00a0", "!", "…", "🔴", "«", "*", "-"];

describe("the catalogue", () => {
  it.each(languages)("%s has every text, none empty, trimmed and composed", (_, texts) => {
    for (const text of Object.values(texts)) {
      expect(text.trim()).not.toBe("");
      expect(text).toBe(text.trim().normalize("NFC"));
    }
    expect(new Set(Object.values(texts)).size).toBe(3);
  });

  it("has every language once, with a tag in its canonical form", () => {
    const tags = languages.map(([tag]) => tag);
    expect(Intl.getCanonicalLocales(tags)).toEqual(tags);
  });
});

describe("the texts that only the gateway may show", () => {
  it.each(languages)("are recognised in %s, however they are dressed", (_, texts) => {
    const text = texts["in-a-meeting"];
    const dressed = fc
      .tuple(
        fc.string({ unit: fc.constantFrom(...AROUND, ...INVISIBLE), maxLength: 4 }),
        fc.constantFrom(text, text.toUpperCase(), text.normalize("NFD"), text.replaceAll(" ", "  ")),
        fc.constantFrom(...INVISIBLE),
        fc.nat({ max: text.length }),
        fc.string({ unit: fc.constantFrom(...AROUND, ...INVISIBLE), maxLength: 4 }),
      )
      .map(([before, words, hidden, at, after]) => before + words.slice(0, at) + hidden + words.slice(at) + after);
    fc.assert(
      fc.property(dressed, (claim) => {
        expect(isReserved(claim)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ["Cyrillic letters", "Іn а mееtіng"],
    ["Greek letters", "Ιn α mεετιng"],
    ["full-width letters", "Ｉｎ ａ ｍｅｅｔｉｎｇ"],
    ["mathematical letters", "𝐈𝐧 𝓪 𝕞𝕖𝕖𝕥𝕚𝕟𝕘"],
    ["small capitals", "ɪɴ ᴀ ᴍᴇᴇᴛɪɴɢ"],
    ["hyphens", "in-a-meeting"],
    ["digits", "1n a m33t1ng"],
    ["no blanks", "InAMeeting"],
    ["accents", "Ín à mëetïng"],
    ["marks over every letter", "I̲n̲ a̲ m̲e̲e̲t̲i̲n̲g̲"],
    ["a dotless i", "ın a meetıng"],
    ["a long run of blanks before it", `${" ".repeat(5000)}In a meeting`],
    ["a long run of invisible characters in it", `In${"\u200b".repeat(5000)} a meeting`],
  ])("are recognised in %s", (_, claim) => {
    expect(isReserved(claim)).toBe(true);
  });

  it.each(["", "Meeting", "In a meeting until 3", "Not in a meeting", "Out of office", "Im Gespräch", "!", "会議"])(
    "are not %j, which is anybody's to say",
    (text) => {
      expect(isReserved(text)).toBe(false);
    },
  );

  it("never include the empty text", () => {
    expect(reserved.has("")).toBe(false);
    expect(reserved.size).toBeGreaterThan(20);
  });

  it("are taken out of a client's presence, and nothing else is", () => {
    const client: ClientPresence = {
      resource: "desk",
      show: "away",
      priority: 1,
      status: { "": "In a meeting.", de: "Mittag", fr: "EN RÉUNION" },
      since: instant(0),
    };
    expect(withoutReservedTexts(client, reserved)).toEqual({ ...client, status: { de: "Mittag" } });
    const honest = { ...client, status: { de: "Mittag" } };
    expect(withoutReservedTexts(honest, reserved)).toBe(honest);
  });
});

describe("the normal form of a status text", () => {
  it("exists for every text, and is its own normal form", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ unit: fc.constantFrom(..."Σσςİıé\u0301\ud800\u3164 A.") })), (text) => {
        const normal = normalizeStateText(text);
        expect(normalizeStateText(normal)).toBe(normal);
        expect(normal).toBe(normal.trim());
      }),
      { numRuns: 300 },
    );
  });
});

describe("the language of a text", () => {
  it.each([
    ["de", "de"],
    ["DE-at", "de"],
    ["de_CH", "de"],
    ["en-GB", "en"],
    ["pt", "pt-BR"],
    ["pt-PT", "pt-PT"],
    ["pt-AO", "pt-BR"],
    ["zh", "zh-Hans"],
    ["zh-CN", "zh-Hans"],
    ["zh_TW", "zh-Hant"],
    ["zh-Hant-HK", "zh-Hant"],
    ["no", "nb"],
    ["nn-NO", "nb"],
    ["iw", "he"],
    ["xx", "en"],
    ["", "en"],
    ["-", "en"],
    ["constructor", "en"],
    ["__proto__", "en"],
  ])("for %j is %s", (tag, language) => {
    expect(matchLanguage(TEXT_CATALOGUE, tag)).toBe(language);
  });

  it("is one of the catalogue's for any tag at all", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ unit: fc.constantFrom(..."az-_") })), (tag) => {
        expect(Object.keys(TEXT_CATALOGUE)).toContain(matchLanguage(TEXT_CATALOGUE, tag));
      }),
    );
  });

  it("is one of those that there are, however few, or none", () => {
    const tag = fc.constantFrom(
      "en",
      "de",
      "de-CH",
      "zh",
      "zh-TW",
      "zh-Hans",
      "zh-Hant-HK",
      "zh-hk-x",
      "no",
      "nb",
      "iw",
    );
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 3 }), tag, (tags, wanted) => {
        const found = matchTag(tags, wanted);
        if (found !== undefined) expect(tags).toContain(found);
        if (tags.includes(wanted)) expect(found).toBe(wanted);
      }),
    );
    expect(matchTag(["en"], "zh-TW")).toBeUndefined();
    expect(matchTag(["nb"], "no-NO")).toBe("nb");
    expect(matchTag(["zh-Hant", "zh-Hans"], "zh-HK-x-a")).toBe("zh-Hant");
  });

  it("is every language's own for its own tag", () => {
    for (const [tag, texts] of languages) {
      expect(matchLanguage(TEXT_CATALOGUE, tag.toUpperCase())).toBe(tag);
      expect(stateText(TEXT_CATALOGUE, "out-of-office", tag)).toBe(texts["out-of-office"]);
    }
  });

  it("is found at once for a tag of megabytes", () => {
    expect(matchLanguage(TEXT_CATALOGUE, "a-".repeat(500_000))).toBe("en");
  });
});
