import { findKeyed, withKeyed, withoutKeyed } from "../lib/keyed-list.ts";
import type { GatewayError } from "../ports/errors.ts";
import type { OutboxRow, Published } from "../ports/journal.ts";
import type { PresencePublisher, PublishReceipt } from "../ports/presence-publisher.ts";
import type { Runtime } from "../ports/runtime.ts";
import { isSame } from "./plan-publication.ts";

/** Lets the publisher show or take back what the row says. */
export async function sendRow(
  publisher: PresencePublisher,
  { kind, presentity, document, locale, sip }: OutboxRow,
  signal: AbortSignal,
): Promise<PublishReceipt> {
  const publication = { presentity, document, locale, sip };
  if (kind === "publish") return publisher.publish(publication, signal);
  await publisher.retract(publication, signal);
  return {};
}

/** Counts what a server has confirmed, and how long that took. */
export function countConfirmed(
  { clock, metrics }: Pick<Runtime, "clock" | "metrics">,
  { publisher, since }: OutboxRow,
): void {
  metrics.count("presence_gateway_publications_total", { publisher });
  const took = Math.max(0, clock.now() - since);
  metrics.observe("presence_gateway_publication_seconds", took / 1000, { publisher });
}

/** What is shown by every publisher once the row has arrived. */
export function publishedAfter(
  published: readonly Published[],
  { kind, publisher, document, locale, sip }: OutboxRow,
  receipt: Pick<Published, "at" | "epoch" | "tag">,
): readonly Published[] {
  if (kind === "publish") {
    const { at, epoch, tag } = receipt;
    return withKeyed(published, "publisher", { publisher, document, locale, at, epoch, tag, sip });
  }
  const isOfAnother = findKeyed(published, "publisher", publisher)?.sip !== sip;
  return isOfAnother ? published : withoutKeyed(published, "publisher", publisher);
}

/** What stands for whatever somebody else has published: no document of ours is like it. */
export const forgedOf = (publisher: string, known: Pick<Published, "at" | "epoch">): Published => ({
  publisher,
  document: { show: "unavailable", source: "client", activity: { general: "forged" } },
  locale: "",
  ...known,
});

/**
 * True when taking back has come to its end by failing: where nothing can be published, nothing is shown (RFC 6120
 * 8.3.2), and what a SIP server refuses to take back ends by itself (RFC 3903 4).
 */
export const isNothingLeft = ({ kind, sip }: OutboxRow, { type }: GatewayError): boolean =>
  kind === "retract" && (type === "cancel" || (sip !== undefined && type !== "wait"));

/** True when the arrival of `sent` leaves nothing of `row` to do; by SIP, a document that says nothing is no leave. */
export const isSettledBy = (row: OutboxRow, sent: OutboxRow): boolean =>
  isSame(row, sent) && row.sip === sent.sip && (row.sip === undefined || row.kind === sent.kind);
