import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import publishXmppContact from "../../plugins/publish-xmpp-contact/index.ts";
import { AdminAlerts } from "../../src/admin/admin-alerts.ts";
import { ChatFrontEnd } from "../../src/admin/chat-front-end.ts";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { parseBareJid, parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import type { CalendarSource } from "../../src/ports/calendar-source.ts";
import type { ClientPresenceSource } from "../../src/ports/client-presence-source.ts";
import type { PluginContext } from "../../src/ports/plugin-definition.ts";
import type { PresencePublisher } from "../../src/ports/presence-publisher.ts";
import type { CalendarServer } from "../../src/ports/registry.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { createLiveView } from "../../src/shell/live-view.ts";
import { calendarTypes, createCalendarSource, PLUGINS } from "../../src/shell/plugin-catalog.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { ComponentLink } from "../../src/xmpp/component-link.ts";
import { followClock } from "../doubles/exchange/clock.ts";
import { type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import { createInboundContext } from "../doubles/plugin-context.ts";
import { createTestRuntime, type TestRuntime } from "../doubles/test-runtime.ts";
import { createCertificateServices, createTestTrust } from "../doubles/trust.ts";
import { withoutPolling } from "../engine/engine-lab.ts";
import { quiet, watchRequests } from "./quiet.ts";
import { COMPONENT, DOMAIN, XmppWorld } from "./xmpp-world.ts";

const ACCOUNT = { user: "svc", password: "for the test", mayImpersonate: true };

/** A whole gateway in this process and in simulated time, between a simulated Exchange and a scripted XMPP server. */
export interface WholeGateway {
  readonly runtime: TestRuntime;
  readonly exchange: SimulatedExchange;
  readonly xmpp: XmppWorld;
  readonly gateway: Gateway;
  readonly link: ComponentLink;
  readonly store: Store;
  readonly storePath: string;
  /** Enables users with mailboxes on the Exchange, and lets each be online. */
  enable(...users: string[]): Promise<void>;
  /** Minutes from now; returns what removes the meeting. */
  meet(user: string, from: number, to: number): () => void;
  /** Tells the gateway of the calendar server, as `gateway add` does. */
  addCalendarServer(options?: Partial<Record<"url" | "account" | "password", string>>): Promise<void>;
  /** Lets simulated seconds pass, slowly enough for all that travels to arrive. */
  pass(seconds: number): Promise<void>;
  /** Lets simulated time pass until the condition holds, a simulated second at a time. */
  passUntil(condition: () => boolean, what: string, seconds?: number): Promise<void>;
  logged(event: string): number;
  /** Stops the gateway as SIGTERM does; resolves with the simulated seconds that took. Safe twice. */
  stop(): Promise<number>;
  close(): Promise<void>;
}

/** What may differ. */
export interface WholeGatewayOptions {
  readonly isExchangeDown?: boolean;
  readonly secret?: string;
  /** In the place of the one that reads from Exchange: for thousands of users. */
  readonly calendar?: CalendarSource;
  /** Makes the sources that do not go by sockets; undefined for all others. */
  readonly createCalendar?: (
    server: CalendarServer,
    secrets: Readonly<Record<string, string>>,
    context: PluginContext,
  ) => CalendarSource | undefined;
  /** With contact JIDs for everybody. */
  readonly hasContacts?: boolean;
  /** Beside those of the XMPP server. */
  readonly beside?: (runtime: Runtime) => {
    readonly publisher: PresencePublisher;
    readonly clients: ClientPresenceSource;
  };
}

/** Starts everything and connects it. */
export async function startWholeGateway(options: WholeGatewayOptions = {}): Promise<WholeGateway> {
  const directory = mkdtempSync(join(tmpdir(), "presence-whole-"));
  const storePath = join(directory, "gateway.db");
  const runtime = createTestRuntime();
  const exchange = await startExchange({ accounts: [ACCOUNT], clock: followClock(runtime.clock) });
  if (options.isExchangeDown) await exchange.stop();
  const xmpp = new XmppWorld(options.secret);
  await xmpp.server.start();
  const store = openStore({ path: storePath, runtime: { ...runtime, clock: withoutPolling(runtime.clock) } });
  const link = createLink(xmpp, runtime);
  const alerts = new AdminAlerts({ link, admins: [ADMIN], runtime });
  const gateway = assemble({ store, link, runtime, options, alert: (text) => alerts.tell(text) });
  const services = servicesOf({ store, link, runtime, gateway });
  const chat = new ChatFrontEnd({ link, services, runtime, admins: [ADMIN] });
  await gateway.start();
  link.start();
  chat.start();

  const http = watchRequests();
  const settled = (): Promise<void> => quiet(() => progressOf(exchange, xmpp), http);
  const pass = async (seconds: number): Promise<void> => {
    await settled();
    for (let left = seconds * 1000; left > 0; left -= 1000) {
      await runtime.clock.advance(Math.min(left, 1000));
      await settled();
    }
  };
  const whole: WholeGateway = {
    runtime,
    exchange,
    xmpp,
    gateway,
    link,
    store,
    storePath,
    pass,
    async passUntil(condition, what, seconds = 60) {
      for (let passed = 0; !condition(); passed++) {
        if (passed > seconds) throw new Error(`${what} did not come within ${seconds} simulated seconds`);
        await pass(1);
      }
    },
    async enable(...users) {
      for (const user of users) {
        const jid = `${user}@${DOMAIN}`;
        if (!exchange.findMailbox(jid)) exchange.addMailbox(jid);
        const names = { presentity: parsePresentityId(jid), mailbox: parseMailbox(jid) };
        await store.registry.replaceUser({ ...names, gateway: "hq", locale: "en", isEnabled: true });
        xmpp.online(user);
      }
      await pass(5);
    },
    meet(user, from, to) {
      const mailbox = exchange.findMailbox(`${user}@${DOMAIN}`);
      if (!mailbox) throw new Error(`${user} has no mailbox`);
      const now = runtime.clock.now();
      const id = mailbox.addMeeting({ start: now + from * 60_000, end: now + to * 60_000, status: "busy" });
      return () => mailbox.removeMeeting(id);
    },
    async addCalendarServer({ url = exchange.url, account = ACCOUNT.user, password = ACCOUNT.password } = {}) {
      const server = { name: "hq", type: "ews", options: { url, account }, isEnabled: true };
      await store.registry.replaceCalendarServer(server, { password });
      await pass(5);
    },
    logged: (name) => runtime.events.filter(({ event }) => event === name).length,
    async stop() {
      let isOver = false;
      const ended = (async () => {
        await chat.stop();
        alerts.stop();
        await gateway.stop();
        await link.stop();
        isOver = true;
      })();
      const before = runtime.clock.now();
      await settled();
      while (!isOver) {
        await runtime.clock.advance(250);
        await settled();
      }
      await ended;
      return (runtime.clock.now() - before) / 1000;
    },
    async close() {
      await whole.stop();
      http.end();
      store.close();
      await xmpp.server.stop();
      await exchange.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await whole.passUntil(() => link.isOnline || options.secret !== undefined, "the connection");
  await whole.addCalendarServer();
  return whole;
}

const ADMIN = parseBareJid(`admin@${DOMAIN}`);

function createLink(xmpp: XmppWorld, runtime: Runtime): ComponentLink {
  const domains = [{ domain: parseBareJid(DOMAIN), actsBy: "auto" as const }];
  const place = { host: "127.0.0.1", port: xmpp.server.port, domain: parseBareJid(COMPONENT) };
  return new ComponentLink({ ...place, secret: "a secret", domains }, runtime);
}

interface Parts {
  readonly store: Store;
  readonly link: ComponentLink;
  readonly runtime: Runtime;
  readonly options: WholeGatewayOptions;
  readonly alert: (text: string) => void;
}

function assemble({ store, link, runtime, options, alert }: Parts): Gateway {
  const beside = options.beside?.(runtime);
  const parameters = new LiveParameters(store.registry);
  const context = { runtime, parameters, xmpp: link, trust: createTestTrust(), ...createInboundContext() };
  return new Gateway({
    runtime,
    registry: store.registry,
    journal: store.journal,
    parameters,
    reservedTexts: reservedTexts(TEXT_CATALOGUE),
    publishers: [
      ...PLUGINS.publish.map((each) => each.create(each.options.parse({}), { ...context, name: each.name })),
      ...(options.hasContacts ? [createContacts(context)] : []),
      ...(beside ? [beside.publisher] : []),
    ],
    clientSources: [
      ...PLUGINS.clients.map((each) => each.create(each.options.parse({}), { ...context, name: each.name })),
      ...(beside ? [beside.clients] : []),
    ],
    createCalendarSource: (server, secrets) => {
      const given = { ...context, name: server.name };
      const source = options.calendar ?? options.createCalendar?.(server, secrets, given);
      return source ?? createCalendarSource(server, secrets, given);
    },
    alert,
    isConnected: () => link.isOnline,
  });
}

const createContacts = (context: Omit<PluginContext, "name">): PresencePublisher =>
  publishXmppContact.create({ domains: [DOMAIN], watchers: "own-domain" }, { ...context, name: "xmpp-contact" });

const servicesOf = ({
  store,
  link,
  runtime: { clock, uniqueId },
  gateway,
}: Omit<Parts, "options" | "alert"> & { gateway: Gateway }) => ({
  registry: store.registry,
  journal: store.journal,
  clock,
  live: createLiveView({
    gateway,
    link,
    served: { domains: [parseBareJid(DOMAIN)], "contact-domains": [] },
    uniqueId,
    clock,
    parameters: new LiveParameters(store.registry),
    storeHealth: () => store.health(),
    clientSources: [],
  }),
  calendarTypes,
  servedDomains: [DOMAIN],
  secrets: { environment: () => undefined },
  certificates: createCertificateServices(),
  imports: store.imports,
  commands: COMMANDS,
});

function progressOf({ stats }: SimulatedExchange, { server }: XmppWorld): string {
  const requests = Object.values(stats.requests).reduce((sum, count) => sum + count, 0);
  return [requests, stats.inFlight, stats.connections, server.received, server.handshakes, server.connections].join();
}
