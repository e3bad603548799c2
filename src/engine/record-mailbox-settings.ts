import { type AutomaticRepliesState, sameAutomaticReplies } from "../core/automatic-replies.ts";
import { type Milliseconds, plus } from "../lib/time.ts";
import { parseTimeZone } from "../lib/time-zone.ts";
import type { Journal } from "../ports/journal.ts";
import type { MailboxSettings } from "../ports/mailbox-settings.ts";
import type { Registry } from "../ports/registry.ts";
import type { Presentity } from "./presentity.ts";

/** What is done with what mailboxes say of their owners. */
export interface RecordSettingsDeps {
  readonly journal: Journal;
  readonly registry: Registry;
  readonly recompute: (presentity: Presentity) => void;
}

/** The automatic replies are what was read; undefined: nothing is known of them any more. */
export function recordAutomaticReplies(
  { journal, recompute }: Pick<RecordSettingsDeps, "journal" | "recompute">,
  presentity: Presentity,
  state: AutomaticRepliesState | undefined,
): void {
  const before = presentity.automaticReplies;
  if (!before && !state) return;
  presentity.automaticReplies = state;
  journal.replaceAutomaticReplies(presentity.id, state);
  // Those that are on and were only heard again are stale later.
  const isQuiet = before && state?.replies.kind === "disabled" && sameAutomaticReplies(before.replies, state.replies);
  if (!isQuiet) recompute(presentity);
}

/** The mailbox's locale and time zone become the user's, unless somebody has set others. */
export async function recordOwner(
  { registry }: Pick<RecordSettingsDeps, "registry">,
  { id, user: known }: Presentity,
  { locale, timeZone }: Pick<MailboxSettings, "locale" | "timeZone">,
): Promise<void> {
  const zone = timeZone === undefined ? undefined : parseTimeZone(timeZone);
  if (locale === undefined && zone === undefined) return;
  const user = await registry.findUser(id);
  if (!user || user.mailbox !== known?.mailbox) return;
  if (zone !== undefined && user.timeZone?.from !== "user" && user.timeZone?.zone !== zone) {
    await registry.replaceTimeZone(id, { zone, from: "mailbox" });
  }
  if (locale === undefined || !user.localeFrom || user.localeFrom === "user") return;
  if (user.locale === locale && user.localeFrom === "mailbox") return;
  await registry.replaceUser({ ...user, locale, localeFrom: "mailbox" });
}

/** The clock was set back by so much: what was read before keeps its age. */
export function keepAgeOfReplies(journal: Journal, presentity: Presentity, by: Milliseconds): void {
  if (!presentity.automaticReplies) return;
  const { replies, heardAt } = presentity.automaticReplies;
  presentity.automaticReplies = { replies, heardAt: plus(heardAt, -by) };
  journal.replaceAutomaticReplies(presentity.id, presentity.automaticReplies);
}
