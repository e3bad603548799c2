import publishSip from "../../../plugins/publish-sip/index.ts";
import { milliseconds } from "../../../src/lib/time.ts";
import { readParameters } from "../../../src/ports/parameters.ts";
import type { PresencePublisher } from "../../../src/ports/presence-publisher.ts";
import type { Trust } from "../../../src/ports/trust.ts";
import { FakeLink } from "../../admin/fake-link.ts";
import { createInboundContext, TestMemory } from "../../doubles/plugin-context.ts";
import { type CompositorOptions, EventStateCompositor } from "../../doubles/sip/event-state-compositor.ts";
import { createTestRuntime, type TestRuntime } from "../../doubles/test-runtime.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { untilTrue } from "../shared-sip/until-true.ts";

/** A publisher and its server. */
export class SipScene {
  readonly server: EventStateCompositor;
  readonly runtime: TestRuntime = createTestRuntime();
  readonly memory = new TestMemory();
  readonly signal = new AbortController();
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #publishers: PresencePublisher[] = [];
  #trust: Trust = createTestTrust();

  private constructor(server: EventStateCompositor, options: Readonly<Record<string, unknown>>) {
    this.server = server;
    this.#options = options;
  }

  static async start(
    compositor: Partial<CompositorOptions> = {},
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<SipScene> {
    const server = await EventStateCompositor.start({ transport: "tcp", ...compositor });
    return new SipScene(server, { transport: compositor.transport ?? "tcp", ...options });
  }

  /** A publisher that is not started; a second one with the same memory is one after a restart. */
  create(options: Readonly<Record<string, unknown>> = {}): PresencePublisher {
    const given = { server: `127.0.0.1:${this.server.port}`, ...this.#options, ...options };
    const publisher = publishSip.create(publishSip.options.parse(given), {
      ...createInboundContext(),
      name: "sip",
      runtime: this.runtime,
      parameters: readParameters(() => ({})),
      xmpp: new FakeLink(),
      trust: this.#trust,
      memory: this.memory,
    });
    this.#publishers.push(publisher);
    return publisher;
  }

  /** A publisher that is connected. */
  async begin(options: Readonly<Record<string, unknown>> = {}): Promise<PresencePublisher> {
    const publisher = this.create(options);
    await publisher.start(this.signal.signal);
    await untilTrue(() => publisher.epoch() !== undefined);
    return publisher;
  }

  trust(trust: Trust): void {
    this.#trust = trust;
  }

  /** Lets time pass in small steps, with what goes over the wire meanwhile, until the condition holds. */
  async passUntil(condition: () => boolean, step = 200): Promise<void> {
    await untilTrue(async () => {
      if (condition()) return true;
      await this.runtime.clock.advance(milliseconds(step));
      return condition();
    });
  }

  async end(): Promise<void> {
    for (const publisher of this.#publishers) {
      const stopping = publisher.stop();
      await this.runtime.clock.advance(2000);
      await stopping;
    }
    await this.server.stop();
  }
}
