import { setMaxListeners } from "node:events";
import type { PresentityId, SipAor } from "../../src/core/addresses.ts";
import type { PresenceDocument } from "../../src/core/presence.ts";
import { Broadcast } from "../../src/lib/broadcast.ts";
import { Memo } from "../../src/lib/memo.ts";
import { type Milliseconds, milliseconds } from "../../src/lib/time.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { PluginContext } from "../../src/ports/plugin-definition.ts";
import type {
  PresencePublisher,
  Publication,
  PublisherDetail,
  PublishReceipt,
} from "../../src/ports/presence-publisher.ts";
import { openSipConnection, type SipSettings } from "../shared-sip/open-sip-connection.ts";
import type { SipConnection } from "../shared-sip/sip-connection.ts";
import { describeAll, describePublication } from "./describe-publications.ts";
import { PublicationAgent } from "./publication-agent.ts";
import { PublicationMemory } from "./publication-memory.ts";
import { publishError } from "./publish-errors.ts";
import { reduceForPidf } from "./reduce-document.ts";
import type { EncodeDocument } from "./send-publication.ts";

/** How publications are made. */
export interface PublisherSettings extends SipSettings {
  readonly expires: Milliseconds;
  readonly perSecond: number;
  readonly window: number;
}

/** A stop waits this long for answers under way: an entity tag that is not heard of stays until it expires. */
const STOP_PATIENCE = milliseconds(500);

interface Run {
  readonly connection: SipConnection;
  readonly agent: PublicationAgent;
  readonly epoch: string;
  readonly lifetime: AbortController;
}

/** Publishes each user's presence document at a SIP presence server (RFC 3903). */
export class SipPublisher implements PresencePublisher {
  readonly name = "sip";
  readonly capabilities;
  readonly #settings: PublisherSettings;
  readonly #encode: EncodeDocument;
  readonly #context: Pick<PluginContext, "runtime" | "trust" | "memory">;
  readonly #epochs = new Broadcast<string | undefined>();
  readonly #reduced = new Memo<PresenceDocument>();
  #run: Run | undefined;

  constructor(
    settings: PublisherSettings,
    encode: EncodeDocument,
    context: Pick<PluginContext, "runtime" | "trust" | "memory">,
  ) {
    this.#settings = settings;
    this.#encode = encode;
    this.#context = context;
    this.capabilities = {
      addressType: "sip",
      isSoftState: true,
      carries: new Set(["show", "activity", "note", "until"] as const),
      window: settings.window,
    } as const;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#run) return;
    const { runtime, trust } = this.#context;
    const connection = await openSipConnection(this.#settings, { runtime, trust }, signal);
    const memory = new PublicationMemory(this.#context.memory);
    const { epoch, remembered } = memory.load(this.#settings.server, runtime.uniqueId);
    const deps = { server: connection, encode: this.#encode, runtime, memory };
    const agent = new PublicationAgent(deps, this.#settings);
    for (const each of remembered) agent.restore(each);
    const lifetime = new AbortController();
    this.#run = { connection, agent, epoch, lifetime };
    void this.#follow(this.#run); // ends with the lifetime
    connection.start();
  }

  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    if (!run) return;
    this.#epochs.push(undefined);
    await run.agent.stop(STOP_PATIENCE);
    await run.connection.stop();
    run.lifetime.abort();
  }

  health(): Health {
    if (!this.#run) return { state: "stopped" };
    const { connection, agent } = this.#run;
    const { connected, lastError } = connection.condition;
    if (!connected) return lastError ? { state: "down", error: lastError } : { state: "starting" };
    const { parked, parkedError } = agent.tally;
    if (parkedError && parked > 0) return { state: "degraded", error: parkedError };
    return { state: "ok", detail: `connected to ${connected.server}`, since: connected.since };
  }

  reduce(document: PresenceDocument): PresenceDocument {
    const reduced = reduceForPidf(document);
    return this.#reduced.get(JSON.stringify(reduced), () => reduced);
  }

  async publish(publication: Publication, signal: AbortSignal): Promise<PublishReceipt> {
    const { agent, aor } = this.#take(publication, signal);
    return { tag: await agent.offer(aor, publication, signal) };
  }

  async retract(publication: Publication, signal: AbortSignal): Promise<void> {
    const { agent, aor } = this.#take(publication, signal);
    await agent.offer(aor, undefined, signal);
  }

  describe(presentity?: PresentityId): readonly PublisherDetail[] {
    if (!this.#run) return [];
    const { connection, agent } = this.#run;
    if (presentity !== undefined) return describePublication(presentity, agent);
    return [["transport", this.#settings.transport], ...describeAll(connection.condition, agent)];
  }

  epoch(): string | undefined {
    return this.#run?.connection.run === undefined ? undefined : this.#run.epoch;
  }

  watchEpoch(signal: AbortSignal): AsyncIterable<string | undefined> {
    return this.#epochs.read(() => [], signal);
  }

  #take({ sip }: Publication, signal: AbortSignal): { readonly agent: PublicationAgent; readonly aor: SipAor } {
    signal.throwIfAborted();
    if (sip === undefined) throw publishError("publish-sip-no-address", "the user has no SIP address");
    const run = this.#run;
    if (!run) throw publishError("publish-sip-not-running", "publishing by SIP does not run");
    if (run.connection.run === undefined) {
      const why = run.connection.condition.lastError?.message ?? "it is being connected";
      throw publishError("publish-sip-busy", `there is no connection to the SIP server: ${why}`);
    }
    return { agent: run.agent, aor: sip };
  }

  async #follow({ connection, agent, epoch, lifetime }: Run): Promise<void> {
    setMaxListeners(0, lifetime.signal);
    try {
      for await (const run of connection.watchRun(lifetime.signal)) {
        agent.connected(run !== undefined);
        this.#epochs.push(run === undefined ? undefined : epoch);
      }
    } catch (error) {
      if (!lifetime.signal.aborted) throw error;
    }
  }
}
