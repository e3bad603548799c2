import { matchTag } from "../core/texts.ts";
import type { CalendarName } from "../ports/registry.ts";

/** What the name of a mailbox's calendar folder says of the language of the mailbox, against a user's locale. */
export interface CalendarLocale {
  /** The table's row for the user's locale, where it has one. */
  readonly expected: CalendarName | undefined;
  /** Locales that have the name. A name does not identify one: `Kalender` is German, Danish, Swedish and more. */
  readonly locales: readonly string[];
  /** `fits`: the name is that of the user's locale; `other`: of others only; `unknown`: of none. */
  readonly verdict: "fits" | "other" | "unknown";
}

/** The row of the table that holds for a locale: its own, else a wider one's (`de` for `de-AT`). */
export function nameForLocale(names: readonly CalendarName[], locale: string): CalendarName | undefined {
  const tags = names.map((each) => each.locale);
  const tag = matchTag(tags, locale);
  return names.find((each) => each.locale === tag);
}

// Exchange compares names without case, and clients compose letters in different ways.
const normalize = (name: string): string => name.normalize("NFC").toLowerCase().trim();

/** Compares the name that the server told with the table. */
export function judgeCalendarName(found: string, names: readonly CalendarName[], locale: string): CalendarLocale {
  const isFound = ({ name }: CalendarName): boolean => normalize(name) === normalize(found);
  const expected = nameForLocale(names, locale);
  const locales = names.filter(isFound).map((each) => each.locale);
  const others = locales.length > 0 ? "other" : "unknown";
  return { expected, locales, verdict: expected && isFound(expected) ? "fits" : others };
}
