import { randomUUID } from "node:crypto";
import type {
  ChangeNotification,
  ChangeType,
  LifecycleEventType,
  Subscription,
} from "@microsoft/microsoft-graph-types";
import type { ExchangeClock } from "../exchange/clock.ts";
import { NotificationDelivery, type Post } from "./notification-delivery.ts";
import { type CloudAnswer, graphError } from "./wire.ts";

/** One subscription as the cloud has it. */
export interface CloudSubscription {
  readonly id: string;
  readonly mailbox: string;
  readonly resource: string;
  readonly changeType: string;
  readonly notificationUrl: string;
  readonly lifecycleNotificationUrl: string | undefined;
  readonly clientState: string | undefined;
  expiresAt: number;
}

/** What the subscriptions of a cloud are made with. */
export interface SubscriptionsOptions {
  readonly clock: ExchangeClock;
  readonly post: Post;
  /** Where it is reached, for links: `https://graph.microsoft.com`. */
  readonly origin: string;
  /** Whether it knows the mailbox, and lets the application. */
  readonly access?: (mailbox: string) => "granted" | "denied" | "not-found";
  /** Minutes; 10,080 for events, 4,230 in older documents. */
  readonly longestLifetime?: number;
  /** Real notification URLs are https. */
  readonly takesHttp?: boolean;
  readonly pageSize?: number;
  /** How long after a change its notification is sent, in milliseconds; default none. */
  readonly deliveryDelay?: number;
}

const MINUTE = 60_000;
const SHORTEST_LIFETIME = 45 * MINUTE; // less is raised to it
const MOST_PER_MAILBOX = 1000;
const VALIDATION_TIME = 10_000;

const GONE = graphError(404, "ResourceNotFound", "The object was not found.");

/** Subscriptions of Microsoft Graph to users' events: the four requests, handshakes, notifications, expiry. */
export class CloudSubscriptions {
  readonly all = new Map<string, CloudSubscription>();
  readonly delivery: NotificationDelivery;
  /** Requests so far, by method. */
  readonly requests = { GET: 0, POST: 0, PATCH: 0, DELETE: 0 };
  /** Minutes; more is refused. */
  longestLifetime: number;
  readonly #options: SubscriptionsOptions;
  readonly #ofMailbox = new Map<string, readonly CloudSubscription[]>();
  #nextExpiry = Number.POSITIVE_INFINITY;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.longestLifetime = options.longestLifetime ?? 10_080;
    this.delivery = new NotificationDelivery(options.clock, options.post, options.deliveryDelay);
  }

  /** Answers a request; undefined when the path (below the version) is none of these. */
  async handle(method: string, path: string, body: unknown): Promise<CloudAnswer | undefined> {
    const [, id, action] = /^\/subscriptions(?:\/([^/?]+))?(\/reauthorize)?(?:\?.*)?$/.exec(path) ?? [undefined];
    if (!path.startsWith("/subscriptions")) return undefined;
    if (method === "GET" || method === "POST" || method === "PATCH" || method === "DELETE") this.requests[method] += 1;
    this.#expire();
    if (id === undefined) return method === "POST" ? this.#create(fieldsOf(body)) : this.#list(path);
    const found = this.all.get(decodeURIComponent(id));
    if (!found) return GONE;
    if (action) return { status: 204 };
    if (method === "PATCH") return this.#renew(found, fieldsOf(body));
    if (method === "DELETE") this.all.delete(found.id);
    return method === "DELETE" ? { status: 204 } : { status: 200, body: show(found) };
  }

  /** The mailbox's calendar changed. */
  changed(mailbox: string, changeType: ChangeType = "updated"): void {
    for (const each of this.of(mailbox)) {
      const resource = `Users/${mailbox}/Events/${randomUUID()}`;
      const resourceData = { "@odata.type": "#Microsoft.Graph.Event", "@odata.id": resource, id: randomUUID() };
      this.delivery.add(each.notificationUrl, { ...headOf(each), changeType, resource, resourceData });
    }
  }

  /** Tells of the subscriptions to the mailbox themselves; one that is removed is gone. */
  lifecycle(mailbox: string, event: LifecycleEventType): void {
    for (const each of this.of(mailbox)) {
      if (event === "subscriptionRemoved") this.all.delete(each.id);
      const url = each.lifecycleNotificationUrl;
      if (url !== undefined) this.delivery.add(url, { ...headOf(each), lifecycleEvent: event });
    }
  }

  /** The living ones to one mailbox. */
  of(mailbox: string): readonly CloudSubscription[] {
    this.#expire();
    return (this.#ofMailbox.get(mailbox) ?? []).filter(({ id }) => this.all.has(id));
  }

  async #create(fields: ReadonlyMap<string, string>): Promise<CloudAnswer> {
    const { access = () => "granted", takesHttp = false } = this.#options;
    const wanted = parseWanted(fields, takesHttp ? "http" : "https://");
    if (!wanted) return graphError(400, "InvalidRequest", "A property of the subscription is not valid.");
    const granted = access(wanted.mailbox);
    if (granted === "not-found") return graphError(404, "ResourceNotFound", "Resource could not be discovered.");
    if (granted === "denied") return graphError(403, "ExtensionError", "Operation: Create; Access is denied.");
    if (this.of(wanted.mailbox).length >= MOST_PER_MAILBOX)
      return graphError(403, "ExtensionError", "Too many subscriptions.");
    const expiresAt = this.#grant(fields.get("expirationDateTime"));
    if (typeof expiresAt !== "number") return expiresAt;
    for (const url of new Set([wanted.notificationUrl, wanted.lifecycleNotificationUrl ?? wanted.notificationUrl]))
      if (!(await this.#validate(url)))
        return graphError(400, "ValidationError", "Subscription validation request failed.");
    const subscription: CloudSubscription = { ...wanted, id: randomUUID(), expiresAt };
    this.all.set(subscription.id, subscription);
    this.#ofMailbox.set(subscription.mailbox, [...this.of(subscription.mailbox), subscription]);
    this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
    return { status: 201, body: show(subscription) };
  }

  #renew(subscription: CloudSubscription, fields: ReadonlyMap<string, string>): CloudAnswer {
    const expiresAt = this.#grant(fields.get("expirationDateTime"));
    if (typeof expiresAt !== "number") return expiresAt;
    subscription.expiresAt = expiresAt;
    return { status: 200, body: show(subscription) };
  }

  #list(path: string): CloudAnswer {
    const { origin, pageSize = 100 } = this.#options;
    const start = Number(/skiptoken=(\d+)/.exec(path)?.[1] ?? 0);
    const value = [...this.all.values()].slice(start, start + pageSize).map((each) => show(each));
    const isLast = start + pageSize >= this.all.size;
    const link = `${origin}/v1.0/subscriptions?$skiptoken=${start + pageSize}`;
    return { status: 200, body: { value, ...(!isLast && { "@odata.nextLink": link }) } };
  }

  /** When it expires, or why not. */
  #grant(wanted: string | undefined): number | CloudAnswer {
    const now = this.#options.clock.now();
    const at = Date.parse(wanted ?? "");
    if (Number.isNaN(at) || at <= now) return graphError(400, "InvalidRequest", "expirationDateTime is not valid.");
    if (at > now + this.longestLifetime * MINUTE) {
      const text = `Subscription expiration can only be ${this.longestLifetime} minutes in the future.`;
      return graphError(400, "ExtensionError", text);
    }
    return Math.max(at, now + SHORTEST_LIFETIME);
  }

  async #validate(url: string): Promise<boolean> {
    const token = `Validation: Testing client application reachability <b>${randomUUID()}</b> & more`;
    const target = `${url}${url.includes("?") ? "&" : "?"}validationToken=${encodeURIComponent(token)}`;
    const answer = await this.#options.post(target, "", "text/plain; charset=utf-8");
    const isText = answer.contentType.startsWith("text/plain");
    return answer.status === 200 && isText && answer.body === token && answer.took <= VALIDATION_TIME;
  }

  #expire(): void {
    const now = this.#options.clock.now();
    if (now < this.#nextExpiry) return;
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    for (const [id, { expiresAt }] of this.all) {
      if (expiresAt <= now) this.all.delete(id);
      else this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
    }
  }
}

/** As it is answered: the clientState is kept back. */
function show({ mailbox: _, expiresAt, lifecycleNotificationUrl: url, ...rest }: CloudSubscription): Subscription {
  const expirationDateTime = new Date(expiresAt).toISOString();
  return { ...rest, lifecycleNotificationUrl: url ?? null, clientState: null, expirationDateTime };
}

const headOf = ({ id, clientState, expiresAt }: CloudSubscription): ChangeNotification => ({
  subscriptionId: id,
  clientState: clientState ?? null,
  subscriptionExpirationDateTime: new Date(expiresAt).toISOString(),
  tenantId: "84bd8158-6d4d-4958-8b9f-9d6445542f95",
});

/** What a subscription is to be; undefined when it cannot be one. */
function parseWanted(
  fields: ReadonlyMap<string, string>,
  scheme: string,
): Omit<CloudSubscription, "id" | "expiresAt"> | undefined {
  const resource = fields.get("resource") ?? "";
  const [, mailbox = ""] = /^\/?users\/([^/]+)\/events$/i.exec(resource) ?? [];
  const notificationUrl = fields.get("notificationUrl") ?? "";
  const lifecycleNotificationUrl = fields.get("lifecycleNotificationUrl");
  const clientState = fields.get("clientState");
  const changeType = fields.get("changeType") ?? "";
  const isValid =
    mailbox !== "" &&
    /^(created|updated|deleted)(,(created|updated|deleted))*$/.test(changeType) &&
    notificationUrl.startsWith(scheme) &&
    (lifecycleNotificationUrl ?? scheme).startsWith(scheme) &&
    (clientState?.length ?? 0) <= 128;
  if (!isValid) return undefined;
  const owner = decodeURIComponent(mailbox).toLowerCase();
  return { mailbox: owner, resource, changeType, notificationUrl, lifecycleNotificationUrl, clientState };
}

const fieldsOf = (body: unknown): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(typeof body === "object" && body !== null ? body : {}).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value] as const] : [],
    ),
  );
