import { z } from "zod";

/** What Graph says of one subscription: `changed` in its calendar, or what has become of the subscription itself. */
export interface GraphNotification {
  readonly subscriptionId: string;
  readonly clientState: string;
  readonly event: "changed" | "missed" | "removed" | "reauthorize";
}

// changeNotificationCollection; what else it holds is not looked at.
const COLLECTION = z.object({ value: z.array(z.unknown()) });
const NOTIFICATION = z.object({
  subscriptionId: z.string().min(1).max(128),
  clientState: z.string().max(128), // subscription resource: at most 128 characters
  lifecycleEvent: z.string().max(128).nullish(),
});

/**
 * Decodes what was posted to the webhook, of at most as many bytes as the listener takes; undefined when it is no
 * collection of notifications. Single ones that are malformed are left out.
 */
export function decodeNotifications(body: Uint8Array): readonly GraphNotification[] | undefined {
  const collection = COLLECTION.safeParse(parseJson(body));
  if (!collection.success) return undefined;
  return collection.data.value.flatMap((each) => {
    const { data } = NOTIFICATION.safeParse(each);
    if (!data) return [];
    return [
      { subscriptionId: data.subscriptionId, clientState: data.clientState, event: eventOf(data.lifecycleEvent) },
    ];
  });
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined; // whoever sent it is not Graph
  }
}

/** A lifecycle event that came later than this program means at least "look again". */
function eventOf(lifecycleEvent: string | null | undefined): GraphNotification["event"] {
  if (lifecycleEvent === undefined || lifecycleEvent === null) return "changed";
  if (lifecycleEvent === "reauthorizationRequired") return "reauthorize";
  return lifecycleEvent === "subscriptionRemoved" ? "removed" : "missed";
}
