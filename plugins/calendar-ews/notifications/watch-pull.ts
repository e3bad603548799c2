import type { Mailbox } from "../../../src/core/addresses.ts";
import { type Milliseconds, milliseconds } from "../../../src/lib/time.ts";
import { escapeXml } from "../../../src/lib/xml.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import type { Operation } from "../ews-client.ts";
import { concernsMailbox, ewsError, isEwsError } from "../ews-errors.ts";
import { problemError } from "../response-problem.ts";
import { answerDecoder } from "../soap-answer.ts";
import { encodeEnvelope, type RequestVersion } from "../soap-request.ts";
import { SubscriptionGroup } from "../subscription-group.ts";
import { NotificationsBody } from "./decode-notifications.ts";
import { subscribeMissing, type WatchDeps } from "./watch-deps.ts";

// The server forgets a subscription that is not asked for so long (1 to 1440 minutes): long enough for slow rounds.
const timeoutFor = (interval: Milliseconds): number => Math.min(1440, Math.max(30, Math.ceil(interval / 20_000)));

/**
 * Watches by pull subscriptions: asks for each mailbox's events once in an interval, one request at a time. Returns when
 * there is a better way.
 */
export async function* watchByPull(
  deps: WatchDeps,
  mailboxes: readonly Mailbox[],
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, void> {
  const watermarks = new Map<string, string>();
  const delivery = { kind: "pull", timeout: timeoutFor(deps.pullInterval()) } as const;
  const group = new SubscriptionGroup(deps, mailboxes, delivery, ({ id, watermark }) => watermarks.set(id, watermark));
  const farewell = deps.register(group);
  let isUp = false;
  try {
    while (!deps.ways.claimBetter("pull")) {
      const subscribed = yield* subscribeMissing(deps, group, signal);
      if (!isUp) yield { kind: "all" };
      else for (const mailbox of subscribed) yield { kind: "changed", mailbox };
      isUp = true;
      yield* pullOnce({ deps, group, watermarks }, signal);
    }
  } finally {
    farewell("ended");
  }
}

interface Pulling {
  readonly deps: WatchDeps;
  readonly group: SubscriptionGroup;
  readonly watermarks: Map<string, string>;
}

/** Each subscription once, spread over the interval. */
async function* pullOnce(pulling: Pulling, signal: AbortSignal): AsyncGenerator<CalendarChange> {
  const { deps, group } = pulling;
  const { ids } = group;
  const lost: string[] = [];
  for (const id of ids) {
    await deps.runtime.clock.sleep(milliseconds(Math.ceil(deps.pullInterval() / ids.length)), signal);
    const mailbox = group.mailboxOf(id);
    const change = mailbox && (await pullOne(pulling, { id, mailbox }, signal));
    if (change) yield change;
    else lost.push(id);
  }
  if (lost.length > 0) group.forget(lost);
}

/** What became of one subscription; undefined when the server does not know it any more. */
async function pullOne(
  { deps, group, watermarks }: Pulling,
  { id, mailbox }: { readonly id: string; readonly mailbox: Mailbox },
  signal: AbortSignal,
): Promise<CalendarChange | undefined> {
  const headers = group.affinity(group.anchor ?? mailbox);
  const operation = getEventsOperation({ host: deps.client.host, id, mailbox, headers }, watermarks.get(id) ?? "");
  try {
    const { content } = await deps.client.call(operation, "watching", signal);
    if (content.watermark !== "") watermarks.set(id, content.watermark);
    return content.hasChange ? { kind: "changed", mailbox } : { kind: "alive" };
  } catch (error) {
    if (isEwsError(error, "ews-subscription-lost")) return undefined;
    if (!concernsMailbox(error)) throw error;
    group.drop(id);
    return { kind: "failed", mailbox, error };
  }
}

interface PulledSubscription {
  readonly host: string;
  readonly id: string;
  readonly mailbox: Mailbox;
  readonly headers: Readonly<Record<string, string>>;
}

/** GetEvents, under the identity that subscribed. */
export const encodeGetEvents = (id: string, watermark: string, mailbox: Mailbox, version: RequestVersion): string =>
  encodeEnvelope(
    version,
    `<m:GetEvents><m:SubscriptionId>${escapeXml(id)}</m:SubscriptionId>` +
      `<m:Watermark>${escapeXml(watermark)}</m:Watermark></m:GetEvents>`,
    mailbox,
  );

function getEventsOperation(
  { host, id, mailbox, headers }: PulledSubscription,
  watermark: string,
): Operation<{ readonly watermark: string; readonly hasChange: boolean }> {
  return {
    encode: (version) => ({ body: encodeGetEvents(id, watermark, mailbox, version), headers }),
    decoder: () => {
      const body = new NotificationsBody();
      return answerDecoder(host, body, () => {
        const subject = `${mailbox} at ${host}`;
        if (body.problem) throw problemError(body.problem, subject);
        const [answer] = body.notifications;
        // COMPAT(any proxy): an answer that is another subscription's must not stand for this one.
        if (answer?.subscriptionId !== id)
          throw ewsError("ews-bad-answer", `${subject}: another subscription's events came`);
        return answer;
      });
    },
  };
}
