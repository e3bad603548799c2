import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { instant } from "../../src/lib/time.ts";
import { openStore } from "../../src/store/open-store.ts";
import { type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { connectJabber, type JabberClient } from "../lab/jabber-client.ts";
import { type Prosody, startProsody } from "../lab/prosody.ts";
import { type Figure, percentile } from "./figures.ts";
import { GatewayProcess, storePath } from "./gateway-process.ts";
import { COMPONENT, HOST } from "./population.ts";

/** One calendar server each has a queue of its own in the gateway: each is quiet while the others change. */
const SERVERS = 4;
const CHANGES = 48;
/** Between two changes on one server: more than the 5 s for which changes gather in a busy time. */
const QUIET = 5500;
const ACCOUNT = { user: "svc", password: "pw", mayImpersonate: true };
const SECRET = "bench";
const WATCHER = "carol";
const HOUR = 3_600_000;

const nameOf = (user: number): string => `user${user}`;
const jidOf = (user: number): string => `${nameOf(user)}@${HOST}`;
const serverOf = (user: number): number => user % SERVERS;

/** How long it takes from an ad hoc change in Exchange until a contact's client shows it. */
export async function* measureFreshness(): AsyncGenerator<Figure> {
  const site = await FreshnessSite.start();
  try {
    const samples: number[] = [];
    for (let user = 0; user < CHANGES; user++) {
      const [sample] = await Promise.all([site.change(user), pause(QUIET / SERVERS)]);
      samples.push(sample);
    }
    const note = `from a new meeting in the simulated Exchange to show, text and activity at a contact's client on a real Prosody; ${CHANGES} changes, each on a calendar server that was quiet for ${QUIET / 1000} s`;
    const figure = { unit: "ms", note, samples };
    yield { ...figure, name: "freshness.p50_ms", value: percentile(samples, 0.5), bound: { atMost: 1000 } };
    yield { ...figure, name: "freshness.p95_ms", value: percentile(samples, 0.95), bound: { atMost: 1000 } };
  } finally {
    await site.stop();
  }
}

/** Exchange, Prosody, the gateway as it is installed, the users' clients and the contact's. */
class FreshnessSite {
  readonly #directory = mkdtempSync(join(tmpdir(), "presence-bench-"));
  readonly #exchanges: SimulatedExchange[] = [];
  readonly #clients: JabberClient[] = [];
  #prosody: Prosody | undefined;
  #gateway: GatewayProcess | undefined;
  #watcher: JabberClient | undefined;

  static async start(): Promise<FreshnessSite> {
    const site = new FreshnessSite();
    try {
      await site.#start();
      return site;
    } catch (error) {
      await site.stop();
      throw error;
    }
  }

  /** A meeting begins now that nobody knew of; resolves with the milliseconds until the contact's client shows it. */
  async change(user: number): Promise<number> {
    const watcher = this.#watcher;
    if (!watcher) throw new Error("the site is not started");
    const began = performance.now();
    const start = Math.floor(Date.now() / 60_000) * 60_000;
    const mailbox = this.#exchanges[serverOf(user)]?.findMailbox(jidOf(user));
    mailbox?.addMeeting({ start, end: start + HOUR, status: "busy" });
    await watcher.waitFor(() => isInMeeting(watcher, jidOf(user)), `${jidOf(user)} in a meeting`, 20_000);
    return performance.now() - began;
  }

  async stop(): Promise<void> {
    await this.#gateway?.kill();
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.#prosody?.stop();
    await Promise.all(this.#exchanges.map((exchange) => exchange.stop()));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const users = Array.from({ length: CHANGES }, (_, user) => user);
    for (let server = 0; server < SERVERS; server++) this.#exchanges.push(await startExchange({ accounts: [ACCOUNT] }));
    for (const user of users) this.#exchanges[serverOf(user)]?.addMailbox(jidOf(user));
    const names = [WATCHER, ...users.map(nameOf)];
    const prosody = await startProsody({
      host: HOST,
      component: { jid: COMPONENT, secret: SECRET },
      users: names.map((name) => ({ name, password: name })),
      rosters: users.map((user) => [WATCHER, nameOf(user)] as const),
    });
    this.#prosody = prosody;
    await this.#writeStore(users);
    for (const name of names) await this.#connect(name, prosody.c2sPort);
    this.#watcher = this.#clients[0];
    const port = prosody.componentPort;
    this.#gateway = new GatewayProcess({ directory: this.#directory, port, secret: SECRET, domain: HOST });
    await this.#gateway.logged("gateway.ready", 30_000);
    await this.#untilQuiet();
  }

  async #connect(name: string, port: number): Promise<void> {
    const client = await connectJabber({ jid: `${name}@${HOST}`, password: name, port });
    this.#clients.push(client);
    await client.sendPresence();
  }

  async #writeStore(users: readonly number[]): Promise<void> {
    const { registry, close } = openStore({
      path: storePath(this.#directory),
      runtime: createTestRuntime(instant(Date.now())),
    });
    for (const [server, { url }] of this.#exchanges.entries()) {
      const options = { url, account: ACCOUNT.user };
      const name = `exchange-${server}`;
      await registry.replaceCalendarServer(
        { name, type: "ews", options, isEnabled: true },
        { password: ACCOUNT.password },
      );
    }
    for (const user of users) {
      const mailbox = parseMailbox(jidOf(user));
      const gateway = `exchange-${serverOf(user)}`;
      await registry.replaceUser({
        presentity: parsePresentityId(jidOf(user)),
        mailbox,
        gateway,
        locale: "en",
        isEnabled: true,
      });
    }
    close();
  }

  /** Resolves when every mailbox is watched and what was read at the start is some seconds ago. */
  async #untilQuiet(): Promise<void> {
    const isWatched = ({ stats }: SimulatedExchange): boolean =>
      stats.streamingConnections > 0 && stats.subscriptions === CHANGES / SERVERS;
    for (let tries = 0; !this.#exchanges.every(isWatched); tries++) {
      if (tries > 300) throw new Error("the gateway does not watch all mailboxes after 30 s");
      await pause(100);
    }
    await pause(2 * QUIET);
  }
}

function isInMeeting(watcher: JabberClient, contact: string): boolean {
  const { show, status, activity } = watcher.view(contact);
  return show === "dnd" && status === "In a meeting" && activity?.specific === "in_a_meeting";
}
