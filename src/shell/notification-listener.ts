import { minutes, seconds } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import { GatewayError, toGatewayError } from "../ports/errors.ts";
import type {
  NotificationEndpoint,
  NotificationListener,
  NotificationRequest,
} from "../ports/notification-listener.ts";
import type { Runtime } from "../ports/runtime.ts";
import { listenDatagrams } from "./notification-datagrams.ts";
import { type Endpoint, Endpoints, RefusalCounts } from "./notification-endpoints.ts";
import { notificationError } from "./notification-errors.ts";
import { type Bound, listenHttp, type Reception } from "./notification-http.ts";
import { authority, findOwnName } from "./own-address.ts";
import { parseSources } from "./source-list.ts";
import type { Webhooks } from "./webhooks.ts";

type Transport = NotificationRequest["transport"];

/** What the listener needs. */
export interface ListenerOptions {
  readonly runtime: Pick<Runtime, "clock" | "log" | "uniqueId">;
  /** The IP address that is listened at. */
  readonly listen: string;
  /** Under which calendar servers reach it; undefined: the host's name. */
  readonly address: string | undefined;
  /** The parameter exchange-notification-port, asked each time. */
  readonly port: () => number;
  /** How webhooks reach the gateway; undefined: not at all. */
  readonly webhooks?: Webhooks | undefined;
}

interface OpenEndpoint extends Endpoint {
  readonly followsParameter: boolean;
  readonly ended: AbortController;
}

interface Binding {
  readonly key: string;
  readonly transport: Transport;
  readonly port: number;
  readonly reception: Reception;
  readonly bound: Bound;
  readonly open: Set<OpenEndpoint>;
}

// Whoever lost an endpoint opens another one; so long nobody else gets the port.
const LINGER = minutes(1);
const RETRY_INTERVAL = seconds(30);

/** Listens on ports for what calendar servers send; binds what is asked for, and lets go of what nobody needs. */
export class SocketNotificationListener implements NotificationListener {
  readonly #options: ListenerOptions;
  readonly #refusals: RefusalCounts;
  /** By transport and port as it was asked for. */
  readonly #bindings = new Map<string, Promise<Binding>>();
  readonly #bound = new Set<Binding>();
  readonly #timers = new Set<() => void>();
  #ownName: Promise<string> | undefined;
  #isClosed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#refusals = new RefusalCounts(options.runtime);
  }

  get hasWebhooks(): boolean {
    return this.#options.webhooks !== undefined;
  }

  async open(request: NotificationRequest, signal: AbortSignal): Promise<NotificationEndpoint> {
    signal.throwIfAborted();
    const isSource = parseSources(request.sources);
    const isWebhook = request.transport === "https";
    const host = await this.#findHost(request, signal);
    const port = isWebhook ? this.#webhooks.place.port : (request.port ?? this.#options.port());
    const binding = await this.#bind(request.transport, port);
    const endpoint: OpenEndpoint = {
      path: `/n/${request.pathKey ?? this.#options.runtime.uniqueId()}`,
      takesQuery: isWebhook,
      isSource,
      receive: request.receive,
      followsParameter: !isWebhook && request.port === undefined,
      ended: new AbortController(),
    };
    if (signal.aborted || this.#isClosed) {
      this.#letGo(binding);
      throw signal.aborted ? signal.reason : closedError();
    }
    binding.open.add(endpoint);
    binding.reception.endpoints.add(endpoint);
    return {
      url: `${this.#baseUrl(request, host, binding.port)}${endpoint.path}`,
      ended: endpoint.ended.signal,
      close: () => this.#remove(binding, endpoint),
    };
  }

  /** To be called after the parameter changed: what was heard at the old port ends as soon as the new one is bound. */
  async portChanged(): Promise<void> {
    const port = this.#options.port();
    for (const transport of ["tcp", "udp"] as const) {
      const old = [...this.#bound].filter(
        (binding) => binding.transport === transport && binding.port !== port && hasFollowers(binding),
      );
      if (old.length === 0) continue;
      try {
        const binding = await this.#bind(transport, port);
        for (const each of old) this.#endFollowers(each);
        this.#letGo(binding);
      } catch (error) {
        // Until then everybody is heard at the old port.
        const { code, message } = toGatewayError(error);
        this.#options.runtime.log.error("notifications.port-not-changed", { code, message });
        this.#later(RETRY_INTERVAL, () => void this.portChanged()); // never rejects
      }
    }
  }

  /** Ends all endpoints and lets go of all ports; safe to call twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#timers) cancel();
    this.#refusals.close();
    await Promise.allSettled(this.#bindings.values());
    await Promise.all([...this.#bound].map((binding) => this.#release(binding, closedError())));
  }

  get #webhooks(): Webhooks {
    const { webhooks } = this.#options;
    if (!webhooks) throw notificationError("notification-webhook-not-configured", "webhooks cannot be heard");
    return webhooks;
  }

  #baseUrl({ transport }: NotificationRequest, host: string, port: number): string {
    if (transport === "https") return this.#webhooks.baseUrl(host, port);
    return `${transport === "tcp" ? "http" : "httpu"}://${authority(host, port)}`;
  }

  /** What is to stand in the URL; empty where the public URL is configured. */
  async #findHost({ transport }: NotificationRequest, signal: AbortSignal): Promise<string> {
    if (transport === "https" && !this.#webhooks.needsOwnName) return "";
    return this.#options.address ?? (await unlessAborted(this.#findOwnName(), signal));
  }

  #findOwnName(): Promise<string> {
    this.#ownName ??= findOwnName().catch((error: unknown) => {
      this.#ownName = undefined;
      throw error;
    });
    return this.#ownName;
  }

  /** The binding, also when another one of that port is just being let go of. */
  async #bind(transport: Transport, port: number): Promise<Binding> {
    const key = `${transport} ${port}`;
    for (;;) {
      if (this.#isClosed) throw closedError();
      const binding = this.#bindings.get(key) ?? this.#listen(key, transport, port);
      this.#bindings.set(key, binding);
      binding.catch(() => this.#bindings.delete(key));
      const bound = await binding;
      if (this.#bound.has(bound)) return bound;
    }
  }

  async #listen(key: string, transport: Transport, port: number): Promise<Binding> {
    const { listen: host, runtime } = this.#options;
    const reception = { endpoints: new Endpoints(), refusals: this.#refusals };
    try {
      const bound = await (transport === "https"
        ? this.#listenForWebhooks(reception)
        : withoutIpv6(host, (each) => LISTENERS[transport]({ host: each, port }, reception)));
      const binding = { key, transport, port: bound.port, reception, bound, open: new Set<OpenEndpoint>() };
      this.#bound.add(binding);
      runtime.log.info("notifications.listening", { transport, port: bound.port });
      return binding;
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const text = `cannot listen for notifications on ${transport} port ${port}: ${reason}`;
      throw notificationError("notification-port-taken", text, error);
    }
  }

  #listenForWebhooks(reception: Reception): Promise<Bound> {
    const { place, basePath } = this.#webhooks;
    return withoutIpv6(place.host, (host) => this.#webhooks.listen({ ...place, host }, { ...reception, basePath }));
  }

  #endFollowers(binding: Binding): void {
    for (const endpoint of binding.open) {
      if (!endpoint.followsParameter) continue;
      this.#remove(binding, endpoint);
      const text = `nothing is heard on port ${binding.port} any more`;
      endpoint.ended.abort(notificationError("notification-port-changed", text));
    }
  }

  #remove(binding: Binding, endpoint: OpenEndpoint): void {
    if (!binding.open.delete(endpoint)) return;
    binding.reception.endpoints.delete(endpoint);
    this.#letGo(binding);
  }

  #letGo(binding: Binding): void {
    if (binding.open.size > 0 || this.#isClosed) return;
    this.#later(LINGER, () => {
      if (binding.open.size === 0 && this.#bound.has(binding)) void this.#release(binding, closedError()); // never rejects
    });
  }

  async #release(binding: Binding, reason: GatewayError): Promise<void> {
    this.#bound.delete(binding);
    this.#bindings.delete(binding.key);
    await binding.bound.close();
    for (const { ended } of binding.open) ended.abort(reason);
  }

  #later(length: ReturnType<typeof seconds>, callback: () => void): void {
    const cancel = after(this.#options.runtime.clock, length, () => {
      this.#timers.delete(cancel);
      callback();
    });
    this.#timers.add(cancel);
  }
}

/** Settles with the signal what cannot be cancelled itself (the name service). */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

const hasFollowers = ({ open }: Binding): boolean => [...open].some(({ followsParameter }) => followsParameter);

const closedError = (): GatewayError => notificationError("notification-not-running", "notifications are not heard");

const LISTENERS = { tcp: listenHttp, udp: listenDatagrams };

/** Listens at all addresses of IPv4 where there is no IPv6. */
async function withoutIpv6(host: string, listen: (host: string) => Promise<Bound>): Promise<Bound> {
  try {
    return await listen(host);
  } catch (error) {
    const isWithoutIpv6 = error instanceof Error && "code" in error && error.code === "EAFNOSUPPORT";
    if (host !== "::" || !isWithoutIpv6) throw error;
    return listen("0.0.0.0");
  }
}
