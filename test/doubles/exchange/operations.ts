import { getUserAvailability } from "./availability.ts";
import type { Answer, Call } from "./site.ts";
import { type SubscriptionContext, subscribe, unsubscribe } from "./subscribe.ts";

/** The operations that are answered in one piece, by name. */
export function offeredOperations(context: SubscriptionContext): ReadonlyMap<string, (call: Call) => Answer> {
  return new Map([
    ["GetUserAvailability", (call: Call) => getUserAvailability(call, context.site)],
    ["Subscribe", (call: Call) => subscribe(call, context)],
    ["Unsubscribe", (call: Call) => unsubscribe(call, context)],
  ]);
}
