import type { PresentityId } from "../core/addresses.ts";
import { type Holdings, NO_HOLDINGS } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";

type Counted = Omit<Holdings, "plugin_memory" | "user_import">;

/** Counts the rows of every table that holds something of one presentity; a test compares with the schema. */
export function prepareHoldings(database: StoreDatabase): (presentity: PresentityId) => Holdings {
  const count = database.prepare<[{ presentity: string }], Counted>(`
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
      (SELECT count(*) FROM registry_change WHERE kind = 'user' AND subject = @presentity) AS registry_change`);
  const memories = database.prepare<[{ presentity: string }], { text: string }>(`
    SELECT key || ' ' || value AS text FROM plugin_memory
    WHERE instr(key, @presentity) > 0 OR instr(value, @presentity) > 0`);
  const imports = database.prepare<[{ presentity: string }], { text: string }>(
    "SELECT lower(text) AS text FROM user_import WHERE instr(lower(text), @presentity) > 0",
  );
  return (presentity) => {
    const naming = (rows: readonly { text: string }[]): number =>
      rows.filter(({ text }) => namesPerson(text, presentity)).length;
    return {
      ...(count.get({ presentity }) ?? NO_HOLDINGS),
      plugin_memory: naming(memories.all({ presentity })),
      user_import: naming(imports.all({ presentity })),
    };
  };
}

const PART_OF_ADDRESS = /[\p{L}\p{N}._+-]/u;

/** True when the address stands in the text by itself: nobody holds what is malice's for alice's. */
function namesPerson(text: string, presentity: PresentityId): boolean {
  for (let at = text.indexOf(presentity); at >= 0; at = text.indexOf(presentity, at + 1)) {
    const [before, after] = [text.charAt(at - 1), text.slice(at + presentity.length, at + presentity.length + 2)];
    // A full stop may end a sentence, or go on with the domain.
    if (!PART_OF_ADDRESS.test(before) && !/^(?:[\p{L}\p{N}_-]|\.[\p{L}\p{N}])/u.test(after)) return true;
  }
  return false;
}
