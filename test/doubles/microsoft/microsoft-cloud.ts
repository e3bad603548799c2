import type { ExchangeClock } from "../exchange/clock.ts";
import { batchRoute } from "./batch.ts";
import { CloudMailbox } from "./cloud-mailbox.ts";
import { Entra, type Tenant } from "./entra.ts";
import { getScheduleRoute } from "./get-schedule.ts";
import { mailboxSettingsRoute } from "./mailbox-settings.ts";
import type { Post } from "./notification-delivery.ts";
import { subscriptionRoutes, subscriptionsTo } from "./subscription-routes.ts";
import type { CloudSubscriptions } from "./subscriptions.ts";
import { type CloudLimits, CloudThrottle } from "./throttling.ts";
import { type Caller, type CloudAnswer, type CloudRequest, type GraphRoute, graphError } from "./wire.ts";

/** What a cloud is made of. */
export interface CloudOptions {
  readonly tenant: Tenant;
  readonly clock: ExchangeClock;
  readonly limits?: Partial<CloudLimits>;
  /** Most mailboxes in one getSchedule; default 20. */
  readonly largestBatch?: number;
  /** How long a request of Graph takes, in milliseconds; default none. */
  readonly latency?: (route: string) => number;
  /** How webhooks are reached; by default none can be. */
  readonly post?: Post;
  /** How long after a change its notification is sent, in milliseconds; default none. */
  readonly deliveryDelay?: number;
  /** Where it is reached, for links; default `https://cloud.example.com`. */
  readonly origin?: string;
}

const unreachable: Post = async () => ({ status: 0, contentType: "", body: "", took: 0 });

/** What is answered in place of the right thing; `hang`: nothing. */
export type Fault = CloudAnswer | "hang";

/** Which service a fault is for. */
export type FaultyService = "token" | "graph";

/** The simulated Microsoft cloud: one tenant, tokens and Graph behind one origin, in simulated time, without sockets. */
export class MicrosoftCloud {
  readonly entra: Entra;
  readonly throttle: CloudThrottle;
  readonly subscriptions: CloudSubscriptions;
  /** Requests of Graph by route, refused ones too. */
  readonly requests = new Map<string, number>();
  readonly #options: CloudOptions;
  readonly #mailboxes = new Map<string, CloudMailbox>();
  readonly #routes: GraphRoute[];
  readonly #faults: Record<FaultyService, Fault[]> = { token: [], graph: [] };
  readonly #innerFaults: CloudAnswer[] = [];
  /** Requests for tokens, those that were answered wrong too. */
  tokenRequests = 0;
  /** Requests that are never answered. */
  hanging = 0;
  /** Changes an answer on its way out. */
  distort: (answer: CloudAnswer, route: string) => CloudAnswer = (answer) => answer;

  constructor(options: CloudOptions) {
    this.#options = options;
    this.entra = new Entra(options.tenant, options.clock);
    this.throttle = new CloudThrottle(options.clock, options.limits);
    const findMailbox = (smtp: string): CloudMailbox | undefined => this.findMailbox(smtp);
    const { clock, post = unreachable, origin = "https://cloud.example.com", deliveryDelay = 0 } = options;
    this.subscriptions = subscriptionsTo(findMailbox, { clock, post, origin, deliveryDelay });
    this.#routes = [
      getScheduleRoute({ findMailbox, largestBatch: options.largestBatch ?? 20 }),
      ...subscriptionRoutes(this.subscriptions),
      mailboxSettingsRoute(findMailbox),
      batchRoute((caller, request) => this.#answerGraph(caller, request, this.#innerFaults.shift())),
    ];
  }

  /** Requests of Graph of all kinds. */
  get requestCount(): number {
    return [...this.requests.values()].reduce((sum, count) => sum + count, 0);
  }

  addRoutes(...routes: readonly GraphRoute[]): void {
    this.#routes.push(...routes);
  }

  addMailbox(smtp: string): CloudMailbox {
    const mailbox = new CloudMailbox(smtp, (changeType) => this.subscriptions.changed(smtp, changeType));
    this.#mailboxes.set(smtp, mailbox);
    return mailbox;
  }

  findMailbox(smtp: string): CloudMailbox | undefined {
    return this.#mailboxes.get(smtp.toLowerCase());
  }

  /** The next requests of the service are answered with this. */
  plan(service: FaultyService, fault: Fault, times = 1): void {
    for (let count = 0; count < times; count++) this.#faults[service].push(fault);
  }

  /** The next requests inside of a batch are answered with these. */
  planInner(...faults: readonly CloudAnswer[]): void {
    this.#innerFaults.push(...faults);
  }

  /** From now on the service is as it should be. */
  mend(): void {
    for (const faults of Object.values(this.#faults)) faults.length = 0;
  }

  /** One request to one of the services. */
  async handle(request: CloudRequest): Promise<CloudAnswer> {
    const isToken = Entra.isPath(request.url.pathname);
    if (isToken) this.tokenRequests += 1;
    const fault = this.#faults[isToken ? "token" : "graph"].shift();
    if (fault === "hang") {
      this.hanging += 1;
      return new Promise(() => undefined);
    }
    if (isToken) return fault ?? this.entra.answer(request);
    const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    const caller = this.entra.callerOf(token, request.url.origin);
    if (!caller)
      return graphError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.");
    return this.#answerGraph(caller, request, fault);
  }

  async #answerGraph(caller: Caller, request: CloudRequest, fault: CloudAnswer | undefined): Promise<CloudAnswer> {
    const path = request.url.pathname.replace(/^\/v1\.0/, "");
    const route = this.#routes.find((each) => each.method === request.method && each.path.test(path));
    const name = route?.name ?? "unknown";
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
    if (!route) return graphError(400, "BadRequest", "Resource not found for the segment.");
    if (fault) return fault;
    const parts = (route.path.exec(path) ?? []).slice(1).map(decodeURIComponent);
    const json: unknown = request.body === "" ? undefined : JSON.parse(request.body);
    const payer = route.payer?.(json) ?? parts[0] ?? "";
    const leave = route.isEnvelope ? () => undefined : this.throttle.enter(caller.client, payer);
    if (typeof leave !== "function") return leave;
    try {
      await this.#work(name);
      if (!route.isEnvelope && !route.roles.some((role) => caller.roles.includes(role)))
        return graphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
      return this.distort(await route.answer({ caller, request, parts, json }), name);
    } finally {
      leave();
    }
  }

  #work(route: string): Promise<void> {
    const { clock, latency } = this.#options;
    const length = latency?.(route) ?? 0;
    if (length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      clock.setTimeout(resolve, length);
    });
  }
}
