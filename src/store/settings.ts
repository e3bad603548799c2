import type { CalendarName } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";

/** The statements about service parameters, prepared once. */
export function prepareParameters(database: StoreDatabase) {
  const list = database.prepare<[], { name: string; value: string }>("SELECT name, value FROM parameter ORDER BY name");
  const replace = database.prepare<[string, string]>(`
    INSERT INTO parameter (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value`);
  const remove = database.prepare<[string]>("DELETE FROM parameter WHERE name = ?");
  return {
    list: (): Readonly<Record<string, string>> =>
      Object.fromEntries(list.all().map(({ name, value }) => [name, value] as const)),
    replace: (name: string, value: string) => replace.run(name, value),
    delete: (name: string) => remove.run(name),
  };
}

/** The statements about localised names of the calendar folder; the built-in ones come with the migrations. */
export function prepareCalendarNames(database: StoreDatabase) {
  const list = database.prepare<[], CalendarName>("SELECT locale, name, source FROM calendar_name ORDER BY locale");
  const replace = database.prepare<[string, string]>(`
    INSERT INTO calendar_name (locale, name, source) VALUES (?, ?, 'administrator')
    ON CONFLICT (locale) DO UPDATE SET name = excluded.name, source = excluded.source`);
  return {
    list: (): readonly CalendarName[] => list.all(),
    replace: (locale: string, name: string) => replace.run(locale, name),
  };
}
