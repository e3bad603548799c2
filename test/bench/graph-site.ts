import { GraphCalendarSource } from "../../plugins/calendar-graph/graph-calendar-source.ts";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { Channel } from "../../src/lib/channel.ts";
import { type Instant, instant } from "../../src/lib/time.ts";
import type { ClientChange } from "../../src/ports/client-presence-source.ts";
import { DirectWebhooks } from "../doubles/direct-webhooks.ts";
import { followClock } from "../doubles/exchange/clock.ts";
import { MemoryJournal, MemoryRegistry } from "../doubles/memory-store.ts";
import type { CloudMailbox } from "../doubles/microsoft/cloud-mailbox.ts";
import { CloudWebClient } from "../doubles/microsoft/cloud-web-client.ts";
import { MicrosoftCloud } from "../doubles/microsoft/microsoft-cloud.ts";
import { TestMemory } from "../doubles/plugin-context.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { createContext } from "../plugins/calendar-ews/scenario.ts";
import { CLIENT, graphOptions, SECRET, TENANT } from "../plugins/calendar-graph/scenario.ts";
import { EdgeRecorder } from "./edge-recorder.ts";
import { jidOf } from "./population.ts";
import { SimulatedClock } from "./simulated-clock.ts";

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
/** How long each request to Microsoft Graph takes, and each notification from the change to its arrival. */
export const TIMES = { request: 300, delivery: 500 } as const;
/** Nothing travels by sockets, so some turns of the event loop let everything happen that is ready. */
const TURNS = 3;
/** Real milliseconds. */
const PATIENCE = 60_000;

/** What a site is made of. */
export interface GraphSiteOptions {
  readonly users: number;
  readonly start: Instant;
  /** Told of each document that is published. */
  readonly shown?: (presentity: string, isInMeeting: boolean) => void;
}

/** A gateway and a tenant of Office 365 with everybody online, in one simulated time, without sockets. */
export class GraphSite {
  readonly clock: SimulatedClock;
  readonly cloud: MicrosoftCloud;
  readonly recorder: EdgeRecorder;
  readonly users: number;
  readonly #webhooks = new DirectWebhooks();
  readonly #memory = new TestMemory();
  readonly #registry = new MemoryRegistry();
  readonly #journal = new MemoryJournal();
  #gateway: Gateway;
  #random = 42;

  constructor({ users, start, shown }: GraphSiteOptions) {
    this.users = users;
    this.clock = new SimulatedClock(start);
    this.recorder = new EdgeRecorder(this.clock, shown);
    const application = { client: CLIENT, secret: SECRET, roles: ["Calendars.Read", "MailboxSettings.Read"] };
    this.cloud = new MicrosoftCloud({
      tenant: { id: TENANT, domain: "example.onmicrosoft.com", applications: [application] },
      clock: followClock(this.clock),
      latency: () => TIMES.request,
      deliveryDelay: TIMES.delivery,
      post: this.#webhooks.post,
    });
    this.#registry.servers.set("cloud", { name: "cloud", type: "office365", options: {}, isEnabled: true });
    // Edges are shown when they are, not spread over a minute.
    this.#registry.parameters.set("calendar-spread", "0");
    for (let user = 0; user < users; user++) {
      const names = { presentity: parsePresentityId(jidOf(user)), mailbox: parseMailbox(jidOf(user)) };
      this.#registry.users.set(names.presentity, { ...names, gateway: "cloud", locale: "en", isEnabled: true });
      this.cloud.addMailbox(jidOf(user));
    }
    this.#gateway = this.#createGateway();
  }

  /** Starts the gateway, at first or again after `stop`, with what it remembered. */
  async start(): Promise<void> {
    const { posts } = this.cloud.entra;
    const [before, deadline] = [posts.length, performance.now() + PATIENCE];
    await this.#gateway.start();
    while ([...this.#gateway.calendarServers.health()].length === 0) await rest();
    await this.pass(2 * SECOND);
    // The library that fetches tokens is loaded with the first one, which takes real time.
    while (posts.length === before) {
      if (performance.now() > deadline) throw new Error("no token was asked for");
      await this.pass(0);
    }
  }

  /** Stops it as the program does. */
  async stop(): Promise<void> {
    const stopped = this.#gateway.stop();
    await this.pass(10 * SECOND);
    await stopped;
    this.#gateway = this.#createGateway();
  }

  /** Everything that reached the cloud so far. */
  get requests(): number {
    return this.cloud.requestCount + this.cloud.entra.posts.length;
  }

  /** Since the start, by kind. */
  get byKind(): ReadonlyMap<string, number> {
    return new Map([...this.cloud.requests, ["token", this.cloud.entra.posts.length]]);
  }

  /** Mailboxes that have been read since. */
  readSince(time: Instant): number {
    return [...this.#gateway.presentities].filter(({ calendar }) => (calendar?.heardAt ?? 0) >= time).length;
  }

  /** True when changes of everybody are notified, and everybody was read after that became so. */
  get isWatched(): boolean {
    const [condition] = [...this.#gateway.calendarServers.health()].map(([, health]) => health);
    const isTold = condition?.state === "ok" && condition.detail?.includes(`for ${this.users} of ${this.users} `);
    return isTold === true && this.#gateway.calendarServers.depth === 0;
  }

  mailbox(user: number): CloudMailbox {
    const found = this.cloud.findMailbox(jidOf(user));
    if (!found) throw new Error(`${jidOf(user)} has no mailbox`);
    return found;
  }

  pass(length: number): Promise<void> {
    return this.clock.advance(length, rest);
  }

  /** Passes seconds until it is so; returns how many. */
  async passUntil(condition: () => boolean, what: string, longest: number): Promise<number> {
    const before = this.clock.now();
    while (!condition()) {
      if (this.clock.now() - before > longest) throw new Error(`${what} did not come within ${longest / MINUTE} min`);
      await this.pass(SECOND);
    }
    return (this.clock.now() - before) / SECOND;
  }

  /** A whole number below the limit, the same sequence in each run. */
  below(limit: number): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#random / 2_147_483_648) * limit);
  }

  #createGateway(): Gateway {
    const runtime = { ...createTestRuntime(), clock: this.clock };
    const clients = new Channel<ClientChange>();
    for (const presentity of this.#registry.users.keys())
      clients.push({ kind: "present", presentity, presence: ONLINE });
    const context = { ...createContext(runtime), listener: this.#webhooks, memory: this.#memory };
    return new Gateway({
      runtime,
      registry: this.#registry,
      journal: this.#journal,
      parameters: new LiveParameters(this.#registry),
      reservedTexts: new Set(),
      publishers: [this.recorder],
      clientSources: [createClients(clients)],
      createCalendarSource: () =>
        new GraphCalendarSource(graphOptions(), context, () => new CloudWebClient(this.cloud, this.clock)),
      alert: () => undefined,
      isConnected: () => true,
    });
  }
}

const ONLINE: ClientPresence = { resource: "pc", show: "available", priority: 0, status: {}, since: instant(0) };

const createClients = (changes: Channel<ClientChange>) => ({
  start: async () => undefined,
  stop: async () => undefined,
  health: () => ({ state: "ok" }) as const,
  watchClients: (signal: AbortSignal) => changes.read(signal),
});

async function rest(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
