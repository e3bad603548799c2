/** What a throttling policy limits: requests at a time, subscriptions, streaming connections, time spent. */
export type ThrottledResource = "request" | "subscription" | "streaming-connection" | "time";

/** What the server has seen since it was started; survives `restart`. */
export class ExchangeStats {
  /** Requests by EWS operation. */
  readonly requests: Record<string, number> = {};
  /** Refusals by response code, by "http-<status>", or by the injected fault's kind. */
  readonly refusals: Record<string, number> = {};
  /** Refusals by the throttling policy, by what there was too much of; they also stand in `refusals` by their code. */
  readonly throttled: Partial<Record<ThrottledResource, number>> = {};
  /** The most of a resource that one budget holder had at a time. */
  readonly mostUsed: Partial<Record<ThrottledResource, number>> = {};
  /** TCP connections accepted. */
  connectionsAccepted = 0;
  /** TCP connections open now. */
  connections = 0;
  /** Requests being answered now, streaming included. */
  inFlight = 0;
  /** The most requests that were answered at a time, streaming not counted. */
  maxInFlight = 0;
  /** GetStreamingEvents connections open now. */
  streamingConnections = 0;
  readonly #countSubscriptions: () => number;

  constructor(countSubscriptions: () => number) {
    this.#countSubscriptions = countSubscriptions;
  }

  /** Subscriptions alive now. */
  get subscriptions(): number {
    return this.#countSubscriptions();
  }

  /** How many requests named this operation. */
  requestsOf(operation: string): number {
    return this.requests[operation] ?? 0;
  }

  /** How many refusals had this reason. */
  refusalsOf(reason: string): number {
    return this.refusals[reason] ?? 0;
  }

  /** Counts one request of an operation. */
  countRequest(operation: string): void {
    this.requests[operation] = this.requestsOf(operation) + 1;
  }

  /** Counts one refusal. */
  countRefusal(reason: string): void {
    this.refusals[reason] = this.refusalsOf(reason) + 1;
  }

  /** Counts one refusal by the throttling policy. */
  countThrottled(resource: ThrottledResource): void {
    this.throttled[resource] = (this.throttled[resource] ?? 0) + 1;
  }

  /** One budget holder has so much of the resource now. */
  noteUse(resource: ThrottledResource, used: number): void {
    this.mostUsed[resource] = Math.max(this.mostUsed[resource] ?? 0, used);
  }

  /** How many refusals there were by the throttling policy, whatever the resource. */
  get throttlings(): number {
    return Object.values(this.throttled).reduce((sum, count) => sum + count, 0);
  }

  /** A request has begun or ended. */
  countInFlight(change: 1 | -1): void {
    this.inFlight += change;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight - this.streamingConnections);
  }
}
