import { parseLanguageTag } from "../../src/lib/language-tag.ts";

/** More alternatives than these nobody writes down. */
const MOST_TAGS = 20;

/**
 * The language that a person prefers most, as a BCP 47 tag: preferredLanguage is one tag, or a list with weights (RFC 2798
 * 2.7, RFC 9110 12.5.4). Undefined when there is none in it.
 */
export function parsePreferredLanguage(text: string): string | undefined {
  const choices = text.split(",", MOST_TAGS).map((choice) => {
    const [tag = "", ...parameters] = choice.split(";");
    const weight = parameters.flatMap((each) => /^\s*q\s*=\s*(\d(?:\.\d{0,3})?)\s*$/i.exec(each)?.[1] ?? []);
    return { tag: parseLanguageTag(tag), weight: Number(weight[0] ?? 1) };
  });
  const [best] = choices
    .filter(({ tag, weight }) => tag !== undefined && weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  return best?.tag;
}
