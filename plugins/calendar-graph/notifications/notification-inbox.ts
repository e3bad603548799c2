import type { InboundNotification, NotificationAnswer } from "../../../src/ports/notification-listener.ts";
import { decodeNotifications, type GraphNotification } from "./decode-notifications.ts";

const text = (status: number, body = ""): NotificationAnswer => ({ status, contentType: "text/plain", body });

const ACCEPTED = text(202);
const REFUSED = text(400);
const LONGEST_TOKEN = 4096; // Graph's have some hundred characters

/**
 * Answers what is posted to the webhook, at once: only marks are set, and what follows from them is done later. Never
 * throws.
 */
export function receiveNotification(
  { body, query }: InboundNotification,
  take: (notification: GraphNotification) => unknown,
): NotificationAnswer {
  // Validation of the URL when a subscription is made: the token comes back as text/plain, within ten seconds.
  const token = new URLSearchParams(query ?? "").get("validationToken");
  if (token !== null) return token.length <= LONGEST_TOKEN ? text(200, token) : REFUSED;
  const notifications = decodeNotifications(body);
  // Those of unknown subscriptions are accepted too: Graph would only send them again, for four hours.
  for (const each of notifications ?? []) take(each);
  return notifications ? ACCEPTED : REFUSED;
}
