import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import {
  type Mailbox,
  type PresentityId,
  parseMailbox,
  parsePresentityId,
  parseSipAor,
} from "../../src/core/addresses.ts";
import type { BusyInterval, FreeBusyStatus } from "../../src/core/busy-time.ts";
import type { ClientPresence, PresenceDocument } from "../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { Channel } from "../../src/lib/channel.ts";
import { hours, plus, type TimeWindow } from "../../src/lib/time.ts";
import type { BusyTimeResult, CalendarChange, CalendarSource } from "../../src/ports/calendar-source.ts";
import type { ClientChange, ClientPresenceSource, FollowedPresentity } from "../../src/ports/client-presence-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { PresencePublisher, Publication } from "../../src/ports/presence-publisher.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { LOOK_INTERVAL } from "../../src/store/sqlite-registry.ts";
import { settle } from "../doubles/fake-clock.ts";
import { createTestRuntime, MONDAY_MORNING, type TestRuntime } from "../doubles/test-runtime.ts";

/** A calendar server that answers from a table, and can be told to fail. */
export class TableCalendar implements CalendarSource {
  readonly capabilities = { maxMailboxesPerFetch: 100, maxMailboxesPerWatch: 200 };
  readonly meetings = new Map<Mailbox, readonly BusyInterval[]>();
  readonly failing = new Map<Mailbox, GatewayError>();
  /** Mailboxes that may not be watched. */
  readonly refusingWatch = new Map<Mailbox, GatewayError>();
  readonly fetches: (readonly Mailbox[])[] = [];
  /** What a routine read found changed. */
  readonly unnoticed: Mailbox[] = [];
  /** When set, every request fails with it. */
  outage: GatewayError | undefined;
  readonly #watchers = new Set<{ mailboxes: Set<Mailbox>; channel: Channel<CalendarChange> }>();

  async start(): Promise<void> {
    return;
  }

  async stop(): Promise<void> {
    return;
  }

  health() {
    return { state: "ok" } as const;
  }

  async fetchBusyTime(mailboxes: readonly Mailbox[], _window: TimeWindow): Promise<readonly BusyTimeResult[]> {
    this.fetches.push(mailboxes);
    if (this.outage) throw this.outage;
    return mailboxes.map((mailbox) => {
      const error = this.failing.get(mailbox);
      return error ? { mailbox, error } : { mailbox, intervals: this.meetings.get(mailbox) ?? [] };
    });
  }

  async *watchChanges(mailboxes: readonly Mailbox[], signal: AbortSignal): AsyncIterable<CalendarChange> {
    if (this.outage) throw this.outage;
    const watcher = { mailboxes: new Set(mailboxes), channel: new Channel<CalendarChange>() };
    this.#watchers.add(watcher);
    for (const [mailbox, error] of this.refusingWatch) {
      if (watcher.mailboxes.delete(mailbox)) watcher.channel.push({ kind: "failed", mailbox, error });
    }
    watcher.channel.push({ kind: "all" });
    try {
      yield* watcher.channel.read(signal);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  changeUnnoticed(mailbox: Mailbox): void {
    this.unnoticed.push(mailbox);
  }

  /** Puts meetings into a mailbox and notifies whoever watches it. */
  set(address: string, meetings: readonly BusyInterval[]): void {
    const mailbox = parseMailbox(address);
    this.meetings.set(mailbox, meetings);
    for (const { mailboxes, channel } of this.#watchers)
      if (mailboxes.has(mailbox)) channel.push({ kind: "changed", mailbox });
  }

  /** Who is watched now. */
  get watched(): readonly Mailbox[] {
    return [...this.#watchers].flatMap(({ mailboxes }) => [...mailboxes]);
  }

  /** Cuts every notification connection. */
  dropWatchers(): void {
    for (const { channel } of this.#watchers) {
      channel.fail(new GatewayError("dropped", { type: "wait", code: "test-dropped" }));
    }
  }
}

/** A publisher that remembers what it shows; it can be held, refused, or restarted with nothing left. */
export class TablePublisher implements PresencePublisher {
  readonly name = "table";
  readonly capabilities = {
    addressType: "jid" as const,
    isSoftState: false,
    carries: new Set(["show", "activity", "note", "until"] as const),
    window: 64,
    lifetime: hours(24),
  };
  readonly shown = new Map<string, PresenceDocument>();
  readonly sent: Publication[] = [];
  refusal: GatewayError | undefined;
  /** While set, publications take effect and fail all the same: the answer is lost. */
  lostAnswer: GatewayError | undefined;
  /** While set, publications wait for it. */
  hold: Promise<void> | undefined;
  #epoch: string | undefined = "run-1";
  readonly #epochs = new Set<Channel<{ epoch: string | undefined }>>();

  async start(): Promise<void> {
    return;
  }

  async stop(): Promise<void> {
    return;
  }

  health() {
    return { state: "ok" } as const;
  }

  reduce({ show, source, activity, text, until }: PresenceDocument): PresenceDocument {
    if (source === "client" && !activity) return { show: "unavailable", source: "client" };
    return {
      show,
      source,
      ...(activity && { activity }),
      ...(text && { text }),
      ...(until !== undefined && { until }),
    };
  }

  async publish(publication: Publication): Promise<object> {
    await this.hold;
    if (this.refusal) throw this.refusal;
    this.sent.push(publication);
    this.shown.set(publication.presentity, publication.document);
    if (this.lostAnswer) throw this.lostAnswer;
    return {};
  }

  async retract(publication: Publication): Promise<void> {
    await this.publish(publication);
  }

  epoch(): string | undefined {
    return this.#epoch;
  }

  async *watchEpoch(signal: AbortSignal): AsyncIterable<string | undefined> {
    const channel = new Channel<{ epoch: string | undefined }>();
    this.#epochs.add(channel);
    yield this.#epoch;
    for await (const { epoch } of channel.read(signal)) yield epoch;
  }

  /** The server goes away, or comes back as another run of itself. */
  setEpoch(epoch: string | undefined, { loseState = false } = {}): void {
    this.#epoch = epoch;
    if (loseState) this.shown.clear();
    for (const channel of this.#epochs) channel.push({ epoch });
  }
}

/** Clients as the test wants them. */
export class TableClients implements ClientPresenceSource {
  readonly via?: "sip";
  /** Whom the engine has named, with their SIP addresses. */
  readonly followed = new Map<string, string | undefined>();
  readonly channel = new Channel<ClientChange>();

  async start(): Promise<void> {
    return;
  }

  async stop(): Promise<void> {
    return;
  }

  health() {
    return { state: "ok" } as const;
  }

  constructor(via?: "sip") {
    if (via) this.via = via;
  }

  follow(presentities: Iterable<FollowedPresentity>): void {
    for (const { presentity, sip } of presentities) this.followed.set(presentity, sip);
  }

  unfollow(presentity: PresentityId): void {
    this.followed.delete(presentity);
  }

  watchClients(signal: AbortSignal): AsyncIterable<ClientChange> {
    return this.channel.read(signal);
  }

  online(jid: string, presence: Partial<ClientPresence> = {}): void {
    const full = {
      resource: "pc",
      show: "available",
      priority: 0,
      status: {},
      since: MONDAY_MORNING,
      ...(this.via && { via: this.via }),
      ...presence,
    } as const;
    this.channel.push({ kind: "present", presentity: parsePresentityId(jid), presence: full });
  }

  offline(jid: string, resource = "pc"): void {
    this.channel.push({ kind: "gone", presentity: parsePresentityId(jid), resource });
  }
}

/** A gateway in process over a real store, with the test as every server. */
export interface EngineLab {
  readonly runtime: TestRuntime;
  /** What administrators were told. */
  readonly alerts: readonly string[];
  readonly store: Store;
  /** Where it is; while the gateway is down, that of its next life. */
  readonly storePath: string;
  readonly calendar: TableCalendar;
  /** Calendars by the name of their server; those not named here are `calendar`. */
  readonly calendars: Map<string, TableCalendar>;
  readonly publisher: TablePublisher;
  readonly clients: TableClients;
  /** Clients that are heard by SIP. */
  readonly phones: TableClients;
  readonly gateway: Gateway;
  enable(jid: string, options?: { mailbox?: string; gateway?: string; locale?: string; sip?: string }): Promise<void>;
  /** Stops as kill -9 does: nothing is withdrawn; then a new process starts on the same store. */
  crashAndRestart(whileDown?: () => void | Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** An interval in minutes from Monday 09:00. */
export const meeting = (from: number, to: number, status: FreeBusyStatus = "busy"): BusyInterval => ({
  start: plus(MONDAY_MORNING, from * 60_000),
  end: plus(MONDAY_MORNING, to * 60_000),
  status,
});

/** What is shown, in short: show and text. */
export const shownOf = (lab: EngineLab, jid: string): string => {
  const document = lab.publisher.shown.get(jid);
  return document ? `${document.show}${document.text ? `/${document.text}` : ""}` : "nothing";
};

/** No other process writes to the store of these tests: looking for its changes would only take time. */
export const withoutPolling = (clock: Clock): Clock => ({
  now: () => clock.now(),
  at: (at, callback) => clock.at(at, callback),
  sleep: (length, signal) =>
    length === LOOK_INTERVAL
      ? new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }))
      : clock.sleep(length, signal),
});

/**
 * Builds the lab and starts the gateway, with one calendar server named `exchange`.
 *
 * @param more publishers beside the table
 */
export async function startEngineLab(more: readonly PresencePublisher[] = []): Promise<EngineLab> {
  const directory = mkdtempSync(join(tmpdir(), "presence-engine-"));
  const runtime = createTestRuntime();
  let path = join(directory, "gateway-0.db");
  const calendar = new TableCalendar();
  const calendars = new Map<string, TableCalendar>();
  const publisher = new TablePublisher();
  const clients = new TableClients();
  const phones = new TableClients("sip");
  const alerts: string[] = [];
  let restarts = 0;
  const open = () => {
    const store = openStore({ path, runtime: { ...runtime, clock: withoutPolling(runtime.clock) } });
    const gateway = new Gateway({
      runtime,
      registry: store.registry,
      journal: store.journal,
      parameters: new LiveParameters(store.registry),
      reservedTexts: reservedTexts(TEXT_CATALOGUE),
      publishers: [publisher, ...more],
      clientSources: [clients, phones],
      createCalendarSource: ({ name }) => calendars.get(name) ?? calendar,
      findSuccessor: ({ options }, others) => others.find(({ name }) => name === options["followed-by"])?.name,
      alert: (text) => alerts.push(text),
      isConnected: () => true,
    });
    return { store, gateway };
  };
  let { store, gateway } = open();
  await store.registry.replaceCalendarServer({ name: "exchange", type: "table", options: {}, isEnabled: true });
  await gateway.start();
  await runtime.clock.advance(2000);
  const lab: EngineLab = {
    runtime,
    alerts,
    get store() {
      return store;
    },
    get storePath() {
      return path;
    },
    calendar,
    calendars,
    publisher,
    clients,
    phones,
    get gateway() {
      return gateway;
    },
    enable: async (jid, options = {}) => {
      await store.registry.replaceUser({
        presentity: parsePresentityId(jid),
        mailbox: parseMailbox(options.mailbox ?? jid),
        gateway: options.gateway ?? "exchange",
        locale: options.locale ?? "en",
        isEnabled: true,
        ...(options.sip !== undefined && { sip: parseSipAor(options.sip) }),
      });
      await runtime.clock.advance(3000);
    },
    crashAndRestart: async (whileDown) => {
      await settle();
      // A kill leaves what is committed, and nothing else: the new process gets a copy of just that.
      const copy = join(directory, `gateway-${++restarts}.db`);
      const reader = new Sqlite(path, { readonly: true });
      reader.exec(`VACUUM INTO '${copy}'`);
      reader.close();
      copyFileSync(`${path}.key`, `${copy}.key`);
      chmodSync(`${copy}.key`, 0o600);
      const epoch = publisher.epoch();
      publisher.setEpoch(undefined);
      await gateway.stop();
      store.close();
      path = copy;
      await whileDown?.();
      publisher.setEpoch(epoch);
      ({ store, gateway } = open());
      await gateway.start();
      await runtime.clock.advance(2000);
    },
    close: async () => {
      const stopped = gateway.stop();
      await runtime.clock.advance(6000);
      await stopped;
      store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return lab;
}
