import type { User } from "../ports/registry.ts";

type UserLocale = Pick<User, "locale" | "localeFrom">;

/** Instead of a language tag: as the mailbox says. */
const AS_MAILBOX = "auto";

/** The locale that a user gets: as given, else as before; with `auto` the one before stands until the mailbox is heard. */
export function chooseLocale(given: string | undefined, { locale, localeFrom }: UserLocale): UserLocale {
  if (given === AS_MAILBOX) return { locale, localeFrom: "default" };
  if (given !== undefined) return { locale: given };
  return { locale, ...(localeFrom && { localeFrom }) };
}

/** True when the mailbox is to be asked now. */
export const asksMailbox = (given: string | undefined): boolean => given === AS_MAILBOX;

/** The locale and where it comes from. */
export function describeLocale({ locale, localeFrom }: User): string {
  if (localeFrom === "user") return `${locale}, as the user chose`;
  if (localeFrom === undefined) return `${locale}, set by an administrator`;
  return localeFrom === "mailbox" ? `${locale}, as the mailbox says` : `${locale}, for nothing else is known yet`;
}
