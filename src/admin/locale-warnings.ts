import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";
import { matchLanguage } from "../core/texts.ts";

/** What to know of a locale whose state texts will be English because there are none of its language. */
export const localeWarnings = (locale: string): readonly string[] =>
  matchLanguage(TEXT_CATALOGUE, locale) === "en" && !/^en(-|$)/i.test(locale)
    ? [`There are no state texts in ${locale}: they will be English.`]
    : [];
