import { GatewayError } from "../../src/ports/errors.ts";
import type {
  NotificationAnswer,
  NotificationEndpoint,
  NotificationListener,
  NotificationRequest,
} from "../../src/ports/notification-listener.ts";
import type { PluginMemory } from "../../src/ports/plugin-memory.ts";

/** Memory that lasts as long as the object: hand it to the next instance and that is a restart. */
export class TestMemory implements PluginMemory {
  readonly kept = new Map<string, string>();

  load(): ReadonlyMap<string, string> {
    return new Map(this.kept);
  }

  put(key: string, value: string): void {
    this.kept.set(key, value);
  }

  delete(key: string): void {
    this.kept.delete(key);
  }
}

/** A listener without a port: the test sends by hand. */
export class TestListener implements NotificationListener {
  readonly #endpoints = new Map<string, { readonly request: NotificationRequest; readonly ended: AbortController }>();
  #count = 0;
  /** Set, every `open` is refused with it. */
  refusal: GatewayError | undefined;

  async open(request: NotificationRequest, signal: AbortSignal): Promise<NotificationEndpoint> {
    signal.throwIfAborted();
    if (this.refusal) throw this.refusal;
    const scheme = request.transport === "tcp" ? "http" : "httpu";
    const url = `${scheme}://gateway.example.com:50020/${++this.#count}`;
    const ended = new AbortController();
    this.#endpoints.set(url, { request, ended });
    return { url, ended: ended.signal, close: () => this.#endpoints.delete(url) };
  }

  /** URLs that are heard at. */
  get urls(): readonly string[] {
    return [...this.#endpoints.keys()];
  }

  /** What a server at the other side would get; undefined when nobody hears there. */
  send(url: string, body: string, headers: Readonly<Record<string, string>> = {}): NotificationAnswer | undefined {
    const notification = { headers: new Map(Object.entries(headers)), body: Buffer.from(body) };
    return this.#endpoints.get(url)?.request.receive(notification);
  }

  /** As if the port had been changed. */
  move(): void {
    for (const [url, { ended }] of this.#endpoints) {
      this.#endpoints.delete(url);
      ended.abort(new GatewayError("the port was changed", { type: "cancel", code: "notification-port-changed" }));
    }
  }
}

/** The parts of a plugin's context that most tests do not look at. */
export const createInboundContext = (): { readonly listener: TestListener; readonly memory: TestMemory } => ({
  listener: new TestListener(),
  memory: new TestMemory(),
});
