import { describe, expect, it } from "vitest";
import { CHAT_CATALOGUE, matchChatLanguage } from "../../src/admin/languages/chat-catalogue.ts";
import { CHAT_PLACEHOLDERS } from "../../src/admin/languages/chat-texts.ts";
import { Speech } from "../../src/admin/speech.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { normalizeStateText, reservedTexts } from "../../src/core/texts.ts";
import { instant, minutes, parseInstant, plus } from "../../src/lib/time.ts";

const WANTED = "en de fr es it pt-BR nl sv da nb fi pl cs hu tr ru uk ja ko zh-Hans zh-Hant ar he".split(" ");
const languages = Object.entries(CHAT_CATALOGUE);
const placeholders = Object.entries<readonly string[]>(CHAT_PLACEHOLDERS);
const reserved = reservedTexts(TEXT_CATALOGUE);
const NOON = parseInstant("2026-11-23T12:00:00Z") ?? instant(0);

describe("the languages of the chat", () => {
  it("[L2] are all that are wanted, and each has its state texts", () => {
    const tags = languages.map(([tag]) => tag);
    expect(tags.sort()).toEqual(Object.keys(TEXT_CATALOGUE).sort());
    expect(tags).toEqual(expect.arrayContaining(WANTED));
  });

  it.each(languages)("%s has every text with its placeholders, trimmed, composed and on one line", (_, texts) => {
    expect(Object.keys(texts)).toEqual(Object.keys(CHAT_PLACEHOLDERS));
    const entries = new Map(Object.entries(texts));
    for (const [key, names] of placeholders) {
      const text = entries.get(key) ?? "";
      const used = [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([key, used.sort()]).toEqual([key, [...names].sort()]);
      expect(text).toBe(text.trim().normalize("NFC"));
      expect(text).not.toMatch(/\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
      expect(text.replaceAll(/\{\w+\}/g, "")).not.toMatch(/[{}]/);
      expect(text).not.toBe("");
    }
  });

  it.each(languages)("%s is a translation, and names the state text that contacts see", (tag, texts) => {
    if (tag !== "en") {
      const same = Object.entries(texts).filter(
        ([key, text]) => new Map(Object.entries(CHAT_CATALOGUE.en)).get(key) === text,
      );
      expect(same.length).toBeLessThan(8);
    }
    expect(texts.helpTitle).toContain(TEXT_CATALOGUE[tag]?.["in-a-meeting"]);
  });

  it("never claim a meeting as a status text would, nor do the other state texts of any language", () => {
    for (const [, texts] of languages)
      for (const text of Object.values(texts)) expect(reserved.has(normalizeStateText(text))).toBe(false);
    for (const texts of Object.values(TEXT_CATALOGUE))
      for (const key of ["out-of-office", "on-the-phone"] as const)
        expect(reserved.has(normalizeStateText(texts[key]))).toBe(false);
  });

  it.each([
    ["de-AT", "de"],
    ["pt-AO", "pt-BR"],
    ["no", "nb"],
    ["zh-TW", "zh-Hant"],
    ["zh-TW-u-nu-latn", "zh-Hant"],
    ["zh-HK-x-office", "zh-Hant"],
    ["zh-Hans-TW", "zh-Hans"],
    ["de-CH-1996", "de"],
    ["iw", "he"],
    ["hr", "en"],
    ["xx-Nothing", "en"],
  ])("[L4] %s is spoken to in %s", (locale, language) => {
    expect(matchChatLanguage(locale)).toBe(language);
  });
});

describe("what is said", () => {
  const speechIn = (locale: string, zone = "Europe/Berlin"): Speech => new Speech({ locale, zone });

  it.each(["ar", "he"])("in %s keeps what is embedded apart, and begins on the right", (locale) => {
    const said = speechIn(locale).say("holdAccount", {
      jid: "alice@example.com",
      mailbox: "a\u202eb@example.com\u2069",
    });
    expect(said.startsWith("\u200f")).toBe(true);
    expect(said).toContain("\u2068alice@example.com\u2069");
    expect(said).toContain("\u2068ab@example.com\u2069");
  });

  it("in other languages has no marks of direction", () => {
    const said = speechIn("de").say("holdAccount", { jid: "alice@example.com", mailbox: "\u2068b@example.com" });
    expect(said).toBe("Ihre Adresse alice@example.com und Ihr Postfach b@example.com");
  });

  it.each(languages.map(([tag]) => tag))(
    "in %s tells moments with zone, and lengths in the language's plurals",
    (tag) => {
      const speech = speechIn(tag);
      const lengths = [1, 2, 5, 21].map((count) => speech.distance(plus(NOON, minutes(count)), NOON));
      expect(new Set(lengths).size).toBe(4);
      const [today, later] = [
        speech.time(plus(NOON, minutes(1)), NOON),
        speech.time(plus(NOON, minutes(60 * 24 * 60)), NOON),
      ];
      expect(today.length).toBeGreaterThan(5);
      expect(later.length).toBeGreaterThan(today.length);
      expect(today).not.toBe(speechIn(tag, "Asia/Tokyo").time(plus(NOON, minutes(1)), NOON));
    },
  );

  it("has the forms of Slavic and Arabic plurals", () => {
    const inMinutes = (tag: string, count: number): string => speechIn(tag).distance(plus(NOON, minutes(count)), NOON);
    expect([1, 3, 5].map((count) => inMinutes("ru", count))).toEqual([
      "через 1 минуту",
      "через 3 минуты",
      "через 5 минут",
    ]);
    expect([1, 3, 5].map((count) => inMinutes("pl", count))).toEqual(["za 1 minutę", "za 3 minuty", "za 5 minut"]);
    expect(new Set([1, 2, 3, 11].map((count) => inMinutes("ar", count).replace(/[\d٠-٩]+/g, "")))).toHaveProperty(
      "size",
      4,
    );
  });

  it("tells times in the region's form, and in English where the language is not spoken", () => {
    expect(speechIn("de-AT").time(NOON, NOON)).toBe("13:00 MEZ");
    expect(speechIn("en-GB").time(NOON, NOON)).toBe("13:00 CET");
    expect(speechIn("hr").distance(NOON, NOON)).toBe("now");
  });
});
