import type { PresentityId } from "../core/addresses.ts";
import type { Registry, User } from "../ports/registry.ts";
import type { CommandContext } from "./command.ts";
import { commandError } from "./command-errors.ts";
import { recordChange } from "./find-entities.ts";
import { speechTo } from "./speech.ts";

/** Why nothing of the user's calendar is shown; `undefined` when it is. */
export function whyLeftOut({ isEnabled, optedOutAt }: User): string | undefined {
  if (!isEnabled) return "the user is disabled";
  return optedOutAt === undefined ? undefined : "the user has opted out by chat";
}

/** True for whoever has opted out, also where there is no such user any more or not yet. */
export const hasOptedOut = async (registry: Registry, presentity: PresentityId): Promise<boolean> =>
  (await registry.countHoldings(presentity)).opt_out > 0;

/** The word by which an administrator shows somebody who has opted out. */
export const OVERRULE = "opt-out";

/**
 * Shows somebody again who has opted out: only with the word for it, only when the user can be told, and audited. Throws
 * `command-conflict`, `command-not-running`, and what the XMPP connection throws when it is not there.
 */
export async function overruleOptOut(
  context: CommandContext,
  presentity: PresentityId,
  isExplicit: boolean,
): Promise<void> {
  const { live, registry, actor } = context;
  if (!isExplicit) {
    throw commandError(
      "command-conflict",
      `${presentity} has opted out by chat. To show the calendar all the same, of which the user is told: user enable ${presentity} despite=${OVERRULE}`,
    );
  }
  if (!live) throw commandError("command-not-running", "The gateway is not running, and the user is to be told of it.");
  const speech = await speechTo(registry, presentity);
  await live.tellUser(presentity, speech.say("overruled", { admin: actor.name, command: "opt out" }), speech.language);
  await registry.replaceOptOut(presentity, undefined);
  await recordChange(context, { action: "user.opt-out-overruled", subject: presentity });
}
