import type { PresentityId } from "../core/addresses.ts";
import type { Instant } from "../lib/time.ts";
import type { TimeZoneChoice } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";

/** The statements about what users chose for themselves, prepared once. */
export function prepareOwnChoices(database: StoreDatabase) {
  const replaceTimeZone = database.prepare<[string, string, string]>(`
    INSERT INTO time_zone (presentity, zone, origin) VALUES (?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET zone = excluded.zone, origin = excluded.origin`);
  const deleteTimeZone = database.prepare<[string]>("DELETE FROM time_zone WHERE presentity = ?");
  const replaceOptOut = database.prepare<[string, number]>(`
    INSERT INTO opt_out (presentity, at) VALUES (?, ?)
    ON CONFLICT (presentity) DO UPDATE SET at = excluded.at`);
  const listOptOuts = database.prepare<[], PresentityId>("SELECT presentity FROM opt_out").pluck();
  const deleteOptOut = database.prepare<[string]>("DELETE FROM opt_out WHERE presentity = ?");
  // Who wants to be left out has nothing of the calendar kept.
  const forgetCalendar = [
    database.prepare<[string]>("DELETE FROM busy_time WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM calendar_error WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM automatic_replies WHERE presentity = ?"),
  ];
  return {
    listOptOuts: (): ReadonlySet<PresentityId> => new Set(listOptOuts.all()),
    replaceTimeZone: (presentity: PresentityId, choice: TimeZoneChoice | undefined) =>
      choice ? replaceTimeZone.run(presentity, choice.zone, choice.from) : deleteTimeZone.run(presentity),
    replaceOptOut: (presentity: PresentityId, at: Instant | undefined) => {
      if (at === undefined) {
        deleteOptOut.run(presentity);
        return;
      }
      replaceOptOut.run(presentity, Math.ceil(at));
      for (const statement of forgetCalendar) statement.run(presentity);
    },
  };
}
