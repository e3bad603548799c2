import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import { createTlsAuthority } from "../doubles/tls-authority.ts";
import { type GatewayProcess, prepareGateway } from "./gateway-process.ts";
import { connectJabber, type JabberClient } from "./jabber-client.ts";
import { type Office365Company, startOffice365 } from "./office365.ts";
import { type ModuleOptions, type ServerKind, startXmppServer, type XmppServer } from "./xmpp-server.ts";

/** What may differ from the usual site. */
export interface SiteOptions {
  /** Default Prosody. */
  readonly server?: ServerKind;
  readonly users?: readonly string[];
  readonly rosters?: readonly (readonly [string, string])[];
  /** Options of the server module; `"none"`: the server runs without it. */
  readonly module?: ModuleOptions | "none";
  /** False: a Prosody that lets the gateway neither act for users nor hear their presence. */
  readonly privilege?: boolean;
  /** Users have contact JIDs. */
  readonly hasContacts?: boolean;
  readonly otherComponents?: readonly string[];
  /** Longest stanza that the server takes, in bytes. */
  readonly stanzaBytes?: number;
  readonly logLevel?: string;
  /** Users of a second company, which is on Office 365. */
  readonly office365?: readonly string[];
  /** The gateway's section [sip]. */
  readonly sip?: Readonly<Record<string, unknown>>;
  /** Where the gateway serves its pages for monitoring. */
  readonly metricsPort?: number;
}

/** A whole company on one machine: Exchange, an XMPP server with our module, the gateway, and Jabber clients. */
export interface Site {
  readonly domain: string;
  readonly component: string;
  readonly directory: string;
  readonly exchange: SimulatedExchange;
  readonly office365: Office365Company | undefined;
  readonly server: XmppServer;
  readonly gateway: GatewayProcess;
  connect(user: string, resource?: string): Promise<JabberClient>;
  /** Starts the gateway, tells it of the Exchange, and enables these users. */
  open(users: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** The domain of the lab. */
export const LAB_DOMAIN = "example.test";
const COMPONENT = `calendar.${LAB_DOMAIN}`;
const SERVICE_ACCOUNT = { user: "svc-presence", password: "simulated Exchange only", mayImpersonate: true };
/** The secret of every component of the lab. */
export const COMPONENT_SECRET = "lab component only";

/** Everybody's password in the lab. */
export const LAB_PASSWORD = "secret";

/** Starts Exchange and the XMPP server; the gateway is prepared and not running yet. */
export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), "presence-site-"));
  const users = options.users ?? ["admin", "alice", "bob", "carol"];
  const authority = createTlsAuthority();
  writeFileSync(join(directory, "exchange-ca.pem"), authority.caPem);
  writeFileSync(join(directory, "exchange-password"), `${SERVICE_ACCOUNT.password}\n`, { mode: 0o600 });
  const exchange = await startExchange({ tls: authority.issue({ names: ["localhost"] }), accounts: [SERVICE_ACCOUNT] });
  for (const user of users) exchange.addMailbox(`${user}@${LAB_DOMAIN}`);
  const office365 = options.office365 && (await startOffice365(directory, authority, options.office365));
  const server = await startXmppServer(options.server ?? "prosody", {
    host: LAB_DOMAIN,
    directory: join(directory, "server"),
    component: { jid: COMPONENT, secret: COMPONENT_SECRET },
    users: users.map((name) => ({ name, password: LAB_PASSWORD })),
    rosters: options.rosters ?? [["alice", "bob"]],
    ...(options.module && { module: options.module }),
    ...(options.privilege !== undefined && { privilege: options.privilege }),
    ...(options.otherComponents && { otherComponents: options.otherComponents }),
    ...(options.stanzaBytes && { stanzaBytes: options.stanzaBytes }),
  });
  const gateway = prepareGateway({
    directory,
    componentPort: server.componentPort,
    component: COMPONENT,
    secret: COMPONENT_SECRET,
    domains: [LAB_DOMAIN],
    admins: [`admin@${LAB_DOMAIN}`],
    ...(server.actsBy === "trusted" && { actsBy: "trusted" }),
    ...(options.hasContacts && { contactDomains: [LAB_DOMAIN] }),
    ...(options.logLevel && { logLevel: options.logLevel }),
    ...(office365 && { notifications: office365.notifications }),
    ...(options.sip && { sip: options.sip }),
    ...(options.metricsPort !== undefined && { metricsPort: options.metricsPort }),
  });
  const clients = new Set<JabberClient>();
  return {
    domain: LAB_DOMAIN,
    component: COMPONENT,
    directory,
    exchange,
    office365,
    server,
    gateway,
    async connect(user, resource) {
      const jid = `${user}@${LAB_DOMAIN}`;
      const port = server.c2sPort;
      const client = await connectJabber({ jid, password: LAB_PASSWORD, port, ...(resource && { resource }) });
      clients.add(client);
      return client;
    },
    async open(enabled) {
      await gateway.start();
      await mustSucceed(gateway, addGatewayCommand(exchange.url, directory));
      for (const user of enabled) await mustSucceed(gateway, `user enable ${user}@${LAB_DOMAIN}`);
    },
    async close() {
      for (const client of clients) await client.close();
      await gateway.end("SIGTERM");
      await server.stop();
      await exchange.stop();
      await office365?.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const addGatewayCommand = (url: string, directory: string): string =>
  `gateway add hq type=ews url=${url} account=${SERVICE_ACCOUNT.user} password=@exchange-password ca=${join(directory, "exchange-ca.pem")}`;

/** Runs a command that the test or the story cannot go on without. */
export async function mustSucceed(gateway: GatewayProcess, line: string): Promise<string> {
  const { code, text } = await gateway.command(line);
  if (code !== 0) throw new Error(`"${line}" failed (${code}): ${text}`);
  return text;
}
