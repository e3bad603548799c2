import type { PresentityId, SipAor } from "../../src/core/addresses.ts";
import { Broadcast } from "../../src/lib/broadcast.ts";
import { hours, plus, seconds } from "../../src/lib/time.ts";
import { after } from "../../src/ports/after.ts";
import type { ClientChange, ClientPresenceSource, FollowedPresentity } from "../../src/ports/client-presence-source.ts";
import { toGatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { decodeDialogInfo } from "../shared-sip/documents/decode-dialog-info.ts";
import { decodePidf, NOTHING_HEARD } from "../shared-sip/documents/decode-pidf.ts";
import { foreignPart } from "../shared-sip/documents/foreign-part.ts";
import type { SipServer } from "../shared-sip/sip-server.ts";
import { BackgroundTask } from "../shared-xmpp/background-task.ts";
import { notHeardError, refusedError } from "./clients-sip-errors.ts";
import { LatestOnly } from "./latest-only.ts";
import { type Hearing, PhoneTable } from "./phone-table.ts";
import { type PhoneEvent, Subscription } from "./subscription.ts";
import { SubscriptionBook } from "./subscription-book.ts";

/** How the plugin is configured. */
export interface SipClientsOptions {
  readonly events: readonly PhoneEvent[];
  /** SUBSCRIBE requests per second, in the long run. */
  readonly perSecond: number;
  /** Normalised texts that only the gateway may show. */
  readonly reservedTexts: ReadonlySet<string>;
}

/** The server, with a connection that this plugin may begin and end. */
export interface OwnSipServer extends SipServer {
  start(): void;
  stop(): Promise<void>;
}

/** Makes the connection, not begun yet. Rejects with GatewayError when it never will work. */
export type OpenSipServer = (signal: AbortSignal) => Promise<OwnSipServer>;

/** Presence documents of one user are read no more often than this: of a storm, the newest. */
const READ_EVERY = seconds(1);
/** Phones remembered from before a restart are gone when the server has not told of them by then. */
const STALE_AFTER = hours(1);

/** Hears the users' phones: what they publish, and whether somebody talks on them. */
export class SipClients implements ClientPresenceSource {
  readonly via = "sip";
  readonly #options: SipClientsOptions;
  readonly #open: OpenSipServer;
  readonly #runtime: Runtime;
  readonly #book: SubscriptionBook;
  readonly #phones = new PhoneTable();
  readonly #documents: LatestOnly<Subscription, string>;
  /** Of each document that was read, the part of others. */
  readonly #read = new Map<Subscription, string>();
  readonly #followed = new Map<
    PresentityId,
    { readonly aor: SipAor; readonly subscriptions: readonly Subscription[] }
  >();
  readonly #changes = new Broadcast<ClientChange>();
  readonly #task: BackgroundTask;
  #server: OwnSipServer | undefined;
  #hasSettled = false;

  constructor(options: SipClientsOptions, open: OpenSipServer, runtime: Runtime) {
    this.#options = options;
    this.#open = open;
    this.#runtime = runtime;
    this.#documents = new LatestOnly(runtime.clock, READ_EVERY, (subscription, text) => this.#take(subscription, text));
    this.#book = new SubscriptionBook(
      { runtime, perSecond: options.perSecond },
      {
        heard: (subscription, body) => this.#hear(subscription, body),
        lost: (subscription) => this.#lose(subscription),
        extended: (subscription) => this.#extend(subscription),
        forgotten: () => this.#server && this.#begin(this.#server),
        settled: () => this.#settle(),
      },
    );
    this.#task = new BackgroundTask((signal) => this.#run(signal));
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#server) return;
    this.#server = await this.#open(signal);
    this.#task.start();
    this.#server.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
    await this.#server?.stop();
    this.#server = undefined;
  }

  health(): Health {
    if (!this.#server) return { state: "stopped" };
    if (this.#server.run === undefined) return { state: "degraded", error: notHeardError() };
    const { refusals, size } = this.#book;
    if (refusals * 2 > size) return { state: "degraded", error: refusedError(refusals, size) };
    return { state: "ok", detail: `${size} subscriptions to phones${refusals > 0 ? `, ${refusals} refused` : ""}` };
  }

  follow(presentities: Iterable<FollowedPresentity>): void {
    for (const { presentity, sip } of presentities) {
      if (this.#followed.get(presentity)?.aor === sip) continue;
      this.unfollow(presentity);
      if (sip === undefined) continue;
      const makeId = (): string => this.#runtime.uniqueId();
      const subscriptions = this.#options.events.map(
        (event) => new Subscription({ presentity, aor: sip, event }, makeId),
      );
      this.#followed.set(presentity, { aor: sip, subscriptions });
      for (const subscription of subscriptions) this.#book.add(subscription);
    }
  }

  unfollow(presentity: PresentityId): void {
    const followed = this.#followed.get(presentity);
    if (!followed) return;
    this.#followed.delete(presentity);
    for (const subscription of followed.subscriptions) {
      this.#documents.delete(subscription);
      this.#book.remove(subscription);
      this.#lose(subscription);
    }
  }

  watchClients(signal: AbortSignal): AsyncIterable<ClientChange> {
    return this.#changes.read(() => this.#known(), signal);
  }

  *#known(): Generator<ClientChange> {
    yield { kind: "reset" };
    yield* this.#phones.snapshot();
    if (this.#hasSettled) yield { kind: "settled" };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const server = this.#server;
    if (!server) return;
    const remove = server.onRequest((request) => this.#book.answer(request));
    // What was remembered is not known for longer than a subscription lasts.
    const cancel = after(this.#runtime.clock, STALE_AFTER, () => {
      if (!this.#hasSettled) this.#settle();
    });
    try {
      const runs = server.watchRun(signal);
      if (server.run !== undefined) this.#begin(server);
      for await (const run of runs) {
        if (run === undefined) this.#book.endRun();
        else this.#begin(server);
      }
    } finally {
      remove();
      cancel();
      this.#documents.clear();
      this.#book.stop();
    }
  }

  /** A new connection: the server may have forgotten everything, and what was heard is to be confirmed. */
  #begin(server: SipServer): void {
    this.#documents.clear();
    this.#read.clear();
    this.#hasSettled = false;
    this.#phones.doubt();
    this.#emit([{ kind: "reset" }]);
    this.#book.beginRun(server);
  }

  #hear(subscription: Subscription, body: string | undefined): void {
    if (body === undefined) return;
    // A dialog document may say only what has changed: none may be left out.
    if (subscription.event === "presence" && body !== "") this.#documents.push(subscription, body);
    else {
      this.#documents.delete(subscription);
      this.#take(subscription, body);
    }
  }

  #take(subscription: Subscription, body: string): void {
    const { presentity, event } = subscription;
    if (event === "presence" && this.#isKnown(subscription, body)) {
      this.#extend(subscription);
      return;
    }
    const hearing = this.#hearing(subscription);
    const { reservedTexts } = this.#options;
    try {
      if (event === "dialog")
        this.#emit(this.#phones.hearCalls(presentity, body === "" ? undefined : decodeDialogInfo(body), hearing));
      else {
        const document = body === "" ? NOTHING_HEARD : decodePidf(body, { reservedTexts, now: hearing.now });
        this.#emit(this.#phones.hear(presentity, document, hearing));
      }
    } catch (error) {
      this.#read.delete(subscription);
      // What cannot be read says nothing: neither the old state nor a new one is known to hold.
      this.#emit(this.#phones.forget(presentity, event, hearing.now));
      this.#runtime.log.debug("clients.document-refused", { presentity, event, code: toGatewayError(error).code });
    }
  }

  /** True when the others say the same as when the document was last read; notes what they say. */
  #isKnown(subscription: Subscription, body: string): boolean {
    const foreign = body === "" ? undefined : foreignPart(body);
    if (foreign !== undefined && this.#read.get(subscription) === foreign) return true;
    if (foreign === undefined) this.#read.delete(subscription);
    else this.#read.set(subscription, foreign);
    return false;
  }

  #hearing({ knownUntil }: Subscription): Hearing {
    const now = this.#runtime.clock.now();
    return { now, knownUntil: knownUntil ?? plus(now, STALE_AFTER) };
  }

  #extend(subscription: Subscription): void {
    this.#emit(this.#phones.extend(subscription.presentity, subscription.event, this.#hearing(subscription)));
  }

  #lose(subscription: Subscription): void {
    const { presentity, event } = subscription;
    this.#read.delete(subscription);
    this.#emit(this.#phones.forget(presentity, event, this.#runtime.clock.now()));
  }

  #settle(): void {
    this.#hasSettled = true;
    this.#emit([{ kind: "settled" }]);
  }

  #emit(changes: readonly ClientChange[]): void {
    for (const change of changes) this.#changes.push(change);
  }
}
