import type { PresentityId } from "../core/addresses.ts";
import {
  type AutomaticReplies,
  type AutomaticRepliesState,
  REPLIES_OFF,
  REPLIES_ON,
} from "../core/automatic-replies.ts";
import type { Instant } from "../lib/time.ts";
import type { StoreDatabase } from "./database.ts";

type Columns = [
  presentity: PresentityId,
  kind: AutomaticReplies["kind"],
  start: Instant | null,
  end: Instant | null,
  heardAt: Instant,
];

/** The write of automatic replies, to be called inside a transaction; undefined forgets them. */
export function prepareReplaceAutomaticReplies(
  database: StoreDatabase,
): (presentity: PresentityId, state: AutomaticRepliesState | undefined) => void {
  const replace = database.prepare<[string, string, number | null, number | null, number]>(`
    INSERT INTO automatic_replies (presentity, kind, start_at, end_at, heard_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET
      kind = excluded.kind, start_at = excluded.start_at, end_at = excluded.end_at, heard_at = excluded.heard_at`);
  const remove = database.prepare<[string]>("DELETE FROM automatic_replies WHERE presentity = ?");
  return (presentity, state) => {
    if (!state) {
      remove.run(presentity);
      return;
    }
    const { replies, heardAt } = state;
    const [start, end] =
      replies.kind === "scheduled" ? [Math.ceil(replies.start), Math.ceil(replies.end)] : [null, null];
    replace.run(presentity, replies.kind, start, end, Math.ceil(heardAt));
  };
}

/** Gives each presentity's automatic replies, from the first to the last presentity. */
export function prepareListAutomaticReplies(
  database: StoreDatabase,
): (first: string, last: string) => Generator<readonly [PresentityId, AutomaticRepliesState]> {
  const list = database
    .prepare<[string, string], Columns>(`
      SELECT presentity, kind, start_at, end_at, heard_at FROM automatic_replies
      WHERE presentity BETWEEN ? AND ? ORDER BY presentity`)
    .raw();
  return function* (first, last) {
    for (const [presentity, kind, start, end, heardAt] of list.all(first, last)) {
      const replies = decodeReplies(kind, start, end);
      if (replies) yield [presentity, { replies, heardAt }];
    }
  };
}

function decodeReplies(
  kind: AutomaticReplies["kind"],
  start: Instant | null,
  end: Instant | null,
): AutomaticReplies | undefined {
  if (kind !== "scheduled") return kind === "disabled" ? REPLIES_OFF : REPLIES_ON;
  return start === null || end === null ? undefined : { kind, start, end };
}
