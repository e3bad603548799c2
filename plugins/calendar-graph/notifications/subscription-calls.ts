import { z } from "zod";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { formatInstant, type Instant, type Milliseconds, minutes, parseInstant, plus } from "../../../src/lib/time.ts";
import type { Clock } from "../../../src/ports/runtime.ts";
import type { Turns } from "../../shared-http/turns.ts";
import type { GraphAnswer, GraphClient, GraphRequest } from "../graph-client.ts";
import { badAnswer, problemOf } from "./subscription-problems.ts";

/** What Graph says of a subscription that was made or is listed. */
export interface GrantedSubscription {
  readonly id: string;
  /** Where its notifications go to. */
  readonly url: string;
  /** As granted, which may be sooner than was asked for. */
  readonly expiresAt: Instant;
}

/** What is asked for. */
export interface WantedSubscription {
  readonly mailbox: Mailbox;
  readonly url: string;
  readonly clientState: string;
}

/** What the calls work with. */
export interface CallDeps {
  readonly client: GraphClient;
  readonly clock: Clock;
  /** So many requests run at once. */
  readonly pace: Turns;
}

// Subscription resource, "Subscription lifetime": under 10,080 minutes for events, 4,230 in older documents and clouds.
// Ten minutes less, for clocks that differ; the first is tried until the service refuses it.
const LIFETIMES = [minutes(10_070), minutes(4_220)];
const MOST_PAGES = 10_000;

const SUBSCRIPTION = z.object({
  id: z.string().min(1).max(128),
  notificationUrl: z.string().max(2048).nullish(),
  expirationDateTime: z.string().max(64),
});
const PAGE = z.object({ value: z.array(z.unknown()), "@odata.nextLink": z.string().max(8192).optional() });

/** The requests about subscriptions; all reject with GatewayError. */
export class SubscriptionCalls {
  readonly #deps: CallDeps;
  /** Index of the longest lifetime that the service takes. */
  #longest = 0;

  constructor(deps: CallDeps) {
    this.#deps = deps;
  }

  /** POST /subscriptions; the service calls the URL before it answers. */
  async create({ mailbox, url, clientState }: WantedSubscription, signal: AbortSignal): Promise<GrantedSubscription> {
    const body = {
      changeType: "created,updated,deleted",
      notificationUrl: url,
      lifecycleNotificationUrl: url, // cannot be added later
      resource: `users/${encodeURIComponent(mailbox).replace("%40", "@")}/events`,
      clientState,
    };
    const answer = await this.#ask({ method: "POST", path: "/subscriptions", body }, signal);
    return this.#decode(answer.body, url);
  }

  /** PATCH /subscriptions/{id}, which also does what reauthorizationRequired asks for; returns until when it lives. */
  async renew(id: string, signal: AbortSignal): Promise<Instant> {
    const answer = await this.#ask({ method: "PATCH", path: pathOf(id), body: {} }, signal);
    return this.#decode(answer.body, "").expiresAt;
  }

  /** DELETE /subscriptions/{id}; one that is gone already is as good. */
  async delete(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#call({ method: "DELETE", path: pathOf(id) }, signal);
    } catch (error) {
      if (problemOf(error) !== "not-found") throw error;
    }
  }

  /** GET /subscriptions: all of the application in the tenant. */
  async list(signal: AbortSignal): Promise<readonly GrantedSubscription[]> {
    const listed: GrantedSubscription[] = [];
    let path: string | undefined = "/subscriptions";
    for (let page = 0; path !== undefined; page++) {
      const { body }: GraphAnswer = await this.#call({ method: "GET", path }, signal);
      const { data } = PAGE.safeParse(body);
      if (!data || page === MOST_PAGES) throw badAnswer(this.#deps.client.host, "the list of subscriptions");
      for (const each of data.value) listed.push(this.#decode(each, ""));
      path = this.#pathOfNext(data["@odata.nextLink"]);
    }
    return listed;
  }

  /** With the longest lifetime that the service takes. "Can only be 4230 minutes" has had several codes: it is tried. */
  async #ask(request: GraphRequest & { readonly body: object }, signal: AbortSignal): Promise<GraphAnswer> {
    const [first, ...shorter] = LIFETIMES.slice(this.#longest);
    try {
      return await this.#askFor(first ?? minutes(0), request, signal);
    } catch (error) {
      const [next] = shorter;
      if (problemOf(error) !== "refused" || next === undefined) throw error;
      const answer = await this.#askFor(next, request, signal);
      this.#longest = LIFETIMES.indexOf(next);
      return answer;
    }
  }

  #askFor(
    lifetime: Milliseconds,
    request: GraphRequest & { readonly body: object },
    signal: AbortSignal,
  ): Promise<GraphAnswer> {
    const expirationDateTime = formatInstant(plus(this.#deps.clock.now(), lifetime));
    const body = { ...request.body, expirationDateTime };
    return this.#call({ ...request, body }, signal);
  }

  /** Few of them wait at the client at a time, behind what is to be read. */
  #call(request: GraphRequest, signal: AbortSignal): Promise<GraphAnswer> {
    const { client, pace } = this.#deps;
    return pace.run(() => client.call(request, "watching", signal), signal);
  }

  #decode(body: unknown, url: string): GrantedSubscription {
    const { data } = SUBSCRIPTION.safeParse(body);
    const expiresAt = data && parseInstant(data.expirationDateTime);
    if (!data || expiresAt === undefined) throw badAnswer(this.#deps.client.host, "a subscription");
    return { id: data.id, url: data.notificationUrl ?? url, expiresAt };
  }

  /** The link is a whole URL; anybody's but Graph's own is not followed. */
  #pathOfNext(link: string | undefined): string | undefined {
    if (link === undefined) return undefined;
    const url = URL.canParse(link) ? new URL(link) : undefined;
    if (url?.host !== this.#deps.client.host) throw badAnswer(this.#deps.client.host, "the list of subscriptions");
    return `${url.pathname.replace(/^\/(v1\.0|beta)(?=\/)/, "")}${url.search}`;
  }
}

const pathOf = (id: string): string => `/subscriptions/${encodeURIComponent(id)}`;
