import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, seconds } from "../../../src/lib/time.ts";
import { after } from "../../../src/ports/after.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import { type GatewayError, toGatewayError } from "../../../src/ports/errors.ts";
import type {
  InboundNotification,
  NotificationAnswer,
  NotificationEndpoint,
  NotificationListener,
} from "../../../src/ports/notification-listener.ts";
import type { PluginContext } from "../../../src/ports/plugin-definition.ts";
import { Deadline } from "../../shared-http/deadline.ts";
import { orAborted } from "../../shared-http/or-aborted.ts";
import { Turns } from "../../shared-http/turns.ts";
import type { GraphClient } from "../graph-client.ts";
import { GroupWatch, type WatchDeps } from "./group-watch.ts";
import { receiveNotification } from "./notification-inbox.ts";
import { type Subscription, SubscriptionBook } from "./subscription-book.ts";
import { SubscriptionCalls } from "./subscription-calls.ts";
import { problemOf } from "./subscription-problems.ts";
import { WatchTrouble } from "./watch-trouble.ts";

/** Most mailboxes of one watch: so many are subscribed in about a minute, and read again when the watch begins. */
export const MAX_WATCHED = 1000;

/** Whether change notifications can be had at all; where not, a source leaves `watchChanges` out and is polled. */
export const canWatch = ({ hasWebhooks }: NotificationListener): boolean => hasWebhooks === true;

// Microsoft documents four requests at once for an application; the client shares them between reading and watching.
const MOST_REQUESTS = 4;
// So long after a watch ended or the start, every group has taken up what is its own; the rest is nobody's.
const ORPHANED_AFTER = minutes(5);
// A subscription that the service has lost without a word is made anew after this: a page of the list costs one request.
const COMPARE_INTERVAL = hours(1);
const LONGEST_FAREWELL = seconds(2);

/** What change notifications use of a plugin's context. */
export type WatchContext = Pick<PluginContext, "runtime" | "listener" | "memory">;

/** All subscriptions of one application in one tenant, and the webhook that they call. */
export class GraphWatching {
  readonly #context: WatchContext;
  readonly #lifetime: AbortSignal;
  readonly #deps: WatchDeps;
  readonly #groups = new Set<GroupWatch>();
  readonly #calls: SubscriptionCalls;
  #endpoint: Promise<NotificationEndpoint> | undefined;
  #compared: Promise<void> | undefined;
  #cancelOrphans: () => void = () => undefined;
  #cancelCompare: () => void = () => undefined;

  /** @param lifetime aborts when the source stops */
  constructor(client: GraphClient, context: WatchContext, lifetime: AbortSignal) {
    const { runtime, memory } = context;
    this.#context = context;
    this.#lifetime = lifetime;
    this.#calls = new SubscriptionCalls({ client, clock: runtime.clock, pace: new Turns(() => MOST_REQUESTS) });
    this.#deps = {
      host: client.host,
      runtime,
      book: new SubscriptionBook({ calls: this.#calls, memory, runtime }),
      trouble: new WatchTrouble(client.host, runtime),
      mostRequests: MOST_REQUESTS,
      fills: new Turns(() => 1),
      openUrl: (signal) => this.#openUrl(signal),
      discard: (subscriptions) => {
        for (const each of subscriptions) void this.#discard(each); // never rejects
      },
    };
  }

  /** Why nothing can be watched though calendars can be read: for the health. */
  get problem(): GatewayError | undefined {
    return this.#deps.trouble.error;
  }

  /** `notified by webhook for 3 of 5 mailboxes`. */
  describe(): string {
    if (!canWatch(this.#context.listener)) return "read at intervals, because no webhook is configured";
    let [standing, all] = [0, 0];
    for (const { count } of this.#groups) {
      standing += count.standing;
      all += count.all;
    }
    return `notified by webhook for ${standing} of ${all} mailboxes`;
  }

  /** As CalendarSource.watchChanges. */
  async *watchChanges(mailboxes: readonly Mailbox[], signal: AbortSignal): AsyncGenerator<CalendarChange, void> {
    const ended = new Deadline(this.#context.runtime.clock, signal, this.#lifetime);
    const group = new GroupWatch(this.#deps, mailboxes, ended.signal);
    this.#groups.add(group);
    try {
      yield* group.run();
    } finally {
      this.#groups.delete(group);
      ended.end();
      this.#watchOrphans();
    }
  }

  /** Where notifications are heard, if they can be; rejects with GatewayError `notification-…`. */
  async webhook(signal: AbortSignal): Promise<string | undefined> {
    if (!canWatch(this.#context.listener)) return undefined;
    return (await orAborted(this.#open(), signal)).url;
  }

  /** As CalendarSource.unwatch. */
  unwatch(mailboxes: readonly Mailbox[]): void {
    for (const group of this.#groups) group.giveUp(mailboxes);
  }

  /** As CalendarSource.changeUnnoticed. */
  changeUnnoticed(mailbox: Mailbox): void {
    for (const group of this.#groups) group.changeUnnoticed(mailbox);
  }

  /**
   * After the lifetime has aborted. Subscriptions stay, for the next start takes them up; only when the calendar server was
   * removed they are ended, as far as two seconds suffice: the others expire within days, and their webhook is gone.
   */
  async close(): Promise<void> {
    this.#cancelOrphans();
    this.#cancelCompare();
    const { book } = this.#deps;
    if (book.isForgotten) await this.#endAll(book.all);
    const endpoint = await this.#endpoint?.catch(() => undefined);
    endpoint?.close();
  }

  async #endAll(subscriptions: readonly Subscription[]): Promise<void> {
    const deadline = new Deadline(this.#context.runtime.clock);
    deadline.set(LONGEST_FAREWELL, () => toGatewayError(this.#lifetime.reason));
    await Promise.allSettled(subscriptions.map((each) => this.#deps.book.end(each, deadline.signal)));
    deadline.end();
  }

  /** The same URL for all groups and after each restart, since it cannot be relied on that a subscription's can be changed. */
  async #openUrl(signal: AbortSignal): Promise<string> {
    const endpoint = await orAborted(this.#open(), signal);
    const { book } = this.#deps;
    this.#deps.discard(book.useUrl(endpoint.url));
    this.#compared ??= this.#compareFirst(endpoint.url);
    try {
      await orAborted(this.#compared, signal);
    } catch (error) {
      this.#compared = undefined;
      throw error;
    }
    return endpoint.url;
  }

  #open(): Promise<NotificationEndpoint> {
    this.#endpoint ??= this.#openOnce();
    return this.#endpoint;
  }

  async #openOnce(): Promise<NotificationEndpoint> {
    const { listener, runtime } = this.#context;
    const { book } = this.#deps;
    const pathKey = /[\w-]+$/.exec(book.url ?? "")?.[0] ?? runtime.uniqueId();
    const receive = (notification: InboundNotification): NotificationAnswer =>
      receiveNotification(notification, (each) => book.take(each));
    const forget = (): void => {
      this.#endpoint = undefined;
    };
    try {
      const endpoint = await listener.open({ transport: "https", pathKey, sources: [], receive }, this.#lifetime);
      endpoint.ended.addEventListener("abort", forget, { once: true });
      return endpoint;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Before anything is made, so that what the service has beyond what is known is nobody's. */
  async #compareFirst(url: string): Promise<void> {
    const unknown = await this.#compare(url);
    for (const { id } of unknown) void this.#endUnknown(id); // never rejects
    this.#watchOrphans();
    this.#compareLater(url);
  }

  #compareLater(url: string): void {
    this.#cancelCompare = after(this.#context.runtime.clock, COMPARE_INTERVAL, () => {
      // A failure of the service is told of elsewhere.
      void this.#compare(url)
        .catch(() => undefined)
        .then(() => {
          if (!this.#lifetime.aborted) this.#compareLater(url);
        });
    });
  }

  /** Rejects when it is the service that fails; a refused list only means that all is taken as it is remembered. */
  async #compare(url: string): Promise<readonly { readonly id: string }[]> {
    const { book, runtime, host } = this.#deps;
    try {
      const { lost, unknown } = await book.compare(url, this.#lifetime);
      for (const each of lost) {
        if (each.owner) each.owner.notified(each, "removed");
        else book.forget(each);
      }
      if (lost.length + unknown.length > 0)
        runtime.log.info("graph.subscriptions-compared", { host, lost: lost.length, unknown: unknown.length });
      return unknown;
    } catch (error) {
      if (problemOf(error) === "elsewhere") throw error;
      runtime.log.warn("graph.subscriptions-not-listed", { host, code: toGatewayError(error).code });
      return [];
    }
  }

  #watchOrphans(): void {
    this.#cancelOrphans();
    if (this.#lifetime.aborted) return;
    this.#cancelOrphans = after(this.#context.runtime.clock, ORPHANED_AFTER, () =>
      this.#deps.discard(this.#deps.book.idle),
    );
  }

  /** What is not confirmed stays remembered, and is tried again when the next watch ends or the next start has settled. */
  async #discard(subscription: Subscription): Promise<void> {
    try {
      await this.#deps.book.end(subscription, this.#lifetime);
    } catch {
      this.#watchOrphans();
    }
  }

  async #endUnknown(id: string): Promise<void> {
    try {
      await this.#calls.delete(id, this.#lifetime);
    } catch {
      // It expires within days; its notifications are not taken.
    }
  }
}
