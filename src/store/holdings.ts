import type { PresentityId } from "../core/addresses.ts";
import { type Holdings, NO_HOLDINGS } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";

/** Counts the rows of every table that holds something of one presentity; a test compares with the schema. */
export function prepareHoldings(database: StoreDatabase): (presentity: PresentityId) => Holdings {
  const count = database.prepare<[{ presentity: string }], Holdings>(`
    SELECT
      (SELECT count(*) FROM user WHERE presentity = @presentity) AS user,
      (SELECT count(*) FROM directory_user WHERE presentity = @presentity) AS directory_user,
      (SELECT count(*) FROM time_zone WHERE presentity = @presentity) AS time_zone,
      (SELECT count(*) FROM opt_out WHERE presentity = @presentity) AS opt_out,
      (SELECT count(*) FROM busy_time WHERE presentity = @presentity) AS busy_time,
      (SELECT count(*) FROM calendar_error WHERE presentity = @presentity) AS calendar_error,
      (SELECT count(*) FROM automatic_replies WHERE presentity = @presentity) AS automatic_replies,
      (SELECT count(*) FROM placement WHERE presentity = @presentity) AS placement,
      (SELECT count(*) FROM override WHERE presentity = @presentity) AS override,
      (SELECT count(*) FROM client_presence WHERE presentity = @presentity) AS client_presence,
      (SELECT count(*) FROM result WHERE presentity = @presentity) AS result,
      (SELECT count(*) FROM audit WHERE subject = @presentity) AS audit,
      (SELECT count(*) FROM registry_change WHERE kind = 'user' AND subject = @presentity) AS registry_change,
      (SELECT count(*) FROM plugin_memory
        WHERE instr(key, @presentity) > 0 OR instr(value, @presentity) > 0) AS plugin_memory`);
  return (presentity) => count.get({ presentity }) ?? NO_HOLDINGS;
}
