import type { Mailbox, PresentityId, SipAor } from "../core/addresses.ts";
import { keptOnce } from "../lib/kept-once.ts";
import type { Instant } from "../lib/time.ts";
import type { LocaleOrigin, TimeZoneChoice, User } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";

type UserColumns = [
  presentity: PresentityId,
  mailbox: Mailbox,
  gateway: string,
  locale: string,
  localeFrom: LocaleOrigin | null,
  isEnabled: number,
  sip: SipAor | null,
  isSipOn: number,
  isOwnLocale: number,
  zone: string | null,
  zoneFrom: TimeZoneChoice["from"] | null,
  optedOutAt: Instant | null,
];

/** Equal texts are kept once. */
function decodeUser(
  [presentity, mailbox, gateway, locale, localeFrom, isEnabled, sip, isSipOn, ...own]: UserColumns,
  once: (text: string) => string,
): User {
  const user = {
    presentity,
    mailbox,
    gateway: once(gateway),
    locale: once(locale),
    ...(localeFrom !== null && { localeFrom }),
    isEnabled: isEnabled === 1,
    ...decodeOwn(own, once),
  };
  if (sip === null) return user;
  return isSipOn === 1 ? { ...user, sip } : { ...user, restingSip: sip };
}

type OwnColumns = UserColumns extends [...infer _Others, infer A, infer B, infer C, infer D] ? [A, B, C, D] : never;

/** What the user chose, where there is anything. */
function decodeOwn(
  [isOwnLocale, zone, from, optedOutAt]: OwnColumns,
  once: (text: string) => string,
): Pick<User, "localeFrom" | "timeZone" | "optedOutAt"> {
  return {
    ...(isOwnLocale === 1 && { localeFrom: "user" }),
    ...(zone !== null && from !== null && { timeZone: { zone: once(zone), from } }),
    ...(optedOutAt !== null && { optedOutAt }),
  };
}

function decodeUsers(rows: readonly UserColumns[]): readonly User[] {
  const once = keptOnce();
  return rows.map((row) => decodeUser(row, once));
}

/** The statements about users, prepared once. */
export function prepareUsers(database: StoreDatabase) {
  const list = database
    .prepare<[], UserColumns>(`
      SELECT presentity, mailbox, gateway, locale, locale_from, is_enabled, sip, is_sip_on, is_own_locale, zone, origin, at
      FROM user LEFT JOIN time_zone USING (presentity) LEFT JOIN opt_out USING (presentity) ORDER BY presentity`)
    .raw();
  const find = database
    .prepare<[string], UserColumns>(`
      SELECT presentity, mailbox, gateway, locale, locale_from, is_enabled, sip, is_sip_on, is_own_locale, zone, origin, at
      FROM user LEFT JOIN time_zone USING (presentity) LEFT JOIN opt_out USING (presentity) WHERE presentity = ?`)
    .raw();
  const replace = database.prepare<
    [string, string, string, string, string | null, number, number, string | null, number]
  >(`
    INSERT INTO user (presentity, mailbox, gateway, locale, locale_from, is_own_locale, is_enabled, sip, is_sip_on)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET
      mailbox = excluded.mailbox, gateway = excluded.gateway, locale = excluded.locale,
      locale_from = excluded.locale_from, is_own_locale = excluded.is_own_locale, is_enabled = excluded.is_enabled,
      sip = excluded.sip, is_sip_on = excluded.is_sip_on`);
  // The intervals do not say whose they are: another mailbox's must not be shown after the next start.
  const forgetBusyTime = database.prepare<[string, string]>(`
    DELETE FROM busy_time WHERE presentity = ? AND EXISTS
      (SELECT 1 FROM user WHERE user.presentity = busy_time.presentity AND user.mailbox <> ?)`);
  const forgetAutomaticReplies = database.prepare<[string, string]>(`
    DELETE FROM automatic_replies WHERE presentity = ? AND EXISTS
      (SELECT 1 FROM user WHERE user.presentity = automatic_replies.presentity AND user.mailbox <> ?)`);
  const remove = database.prepare<[string]>("DELETE FROM user WHERE presentity = ?");
  const removeTimeZone = database.prepare<[string]>("DELETE FROM time_zone WHERE presentity = ?");
  return {
    list: (): readonly User[] => decodeUsers(list.all()),
    find: (presentity: PresentityId): User | undefined => {
      const row = find.get(presentity);
      return row && decodeUser(row, keptOnce());
    },
    replace: ({ presentity, mailbox, gateway, locale, localeFrom, isEnabled, sip, restingSip }: User) => {
      forgetBusyTime.run(presentity, mailbox);
      forgetAutomaticReplies.run(presentity, mailbox);
      const address = sip ?? restingSip ?? null;
      const isSipOn = Number(restingSip === undefined);
      const isOwn = localeFrom === "user";
      const from = isOwn ? null : (localeFrom ?? null);
      replace.run(presentity, mailbox, gateway, locale, from, Number(isOwn), Number(isEnabled), address, isSipOn);
    },
    delete: (presentity: PresentityId) => {
      remove.run(presentity);
      removeTimeZone.run(presentity);
    },
  };
}
