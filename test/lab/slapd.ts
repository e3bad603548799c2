import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePorts } from "./free-ports.ts";

/** What a slapd for tests holds and how it behaves. */
export interface SlapdOptions {
  /** Entries below `dc=example,dc=com`, as LDIF; the root entry is made. */
  readonly ldif?: string;
  /** PEM of the server's certificate and key: StartTLS and LDAPS are offered then. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Lines for the database's section, such as `limits`. */
  readonly lines?: readonly string[];
  /** Definitions beside those of inetOrgPerson. */
  readonly schema?: readonly string[];
  /** Attributes of the server's own entry (RFC 4512 5.1), as LDIF lines. */
  readonly rootDse?: readonly string[];
}

/** A real OpenLDAP server on 127.0.0.1. */
export interface Slapd {
  readonly port: number;
  readonly tlsPort: number;
  /** Ends it; `start` brings it back, with what it holds. */
  down(): Promise<void>;
  start(): Promise<void>;
  /** Ends it, takes everything out and puts this in; starts it. */
  refill(ldif: string): Promise<void>;
  /** Starts it anew with other attributes of its own entry. */
  setRootDse(lines: readonly string[]): Promise<void>;
  /** Ends the server and removes what it has left; safe to call twice. */
  stop(): Promise<void>;
}

export const BASE = "dc=example,dc=com";
export const ROOT_DN = `cn=admin,${BASE}`;
export const ROOT_PASSWORD = "for the test";

const ROOT_FILE = "root.ldif";
const composeRootDse = (lines: readonly string[]): string => ["dn:", ...lines, ""].join("\n");
const PROGRAM = "/usr/sbin/slapd";
const START_LIMIT = 20_000;
const STOP_LIMIT = 5_000;
const ROOT_ENTRY = `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n`;

/** Whether the Debian package slapd is there. */
export const hasSlapd = (): boolean => existsSync(PROGRAM);

/** Starts a slapd with these entries. Rejects with what it says when it does not come up. */
export async function startSlapd(options: SlapdOptions = {}): Promise<Slapd> {
  const directory = mkdtempSync(join(tmpdir(), "slapd-"));
  const [port = 0, tlsPort = 0] = await findFreePorts(2);
  const config = writeConfig(directory, options);
  const urls = [`ldap://127.0.0.1:${port}/`, ...(options.tls ? [`ldaps://127.0.0.1:${tlsPort}/`] : [])].join(" ");
  let server: ChildProcess | undefined;
  const slapd: Slapd = {
    port,
    tlsPort,
    async down() {
      await end(server);
      server = undefined;
    },
    async start() {
      server = await launch(["-d", "0", "-f", config, "-h", urls], port);
    },
    async refill(ldif) {
      await slapd.down();
      fill(directory, config, ldif);
      await slapd.start();
    },
    async setRootDse(lines) {
      await slapd.down();
      writeFileSync(join(directory, ROOT_FILE), composeRootDse(lines));
      await slapd.start();
    },
    async stop() {
      await slapd.down();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    fill(directory, config, options.ldif ?? "");
    await slapd.start();
  } catch (error) {
    await slapd.stop();
    throw error;
  }
  return slapd;
}

function fill(directory: string, config: string, ldif: string): void {
  const data = join(directory, "data");
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { mode: 0o700 });
  const added = spawnSync("/usr/sbin/slapadd", ["-q", "-f", config], { input: ROOT_ENTRY + ldif, encoding: "utf8" });
  if (added.status !== 0) throw new Error(`slapadd: ${added.stderr}`);
}

function writeConfig(directory: string, { tls, lines = [], schema = [], rootDse }: SlapdOptions): string {
  chmodSync(directory, 0o700);
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const schemas = ["core", "cosine", "inetorgperson"].map((name) => `include /etc/ldap/schema/${name}.schema`);
  const security = tls
    ? [`TLSCertificateFile ${write("cert.pem", tls.cert)}`, `TLSCertificateKeyFile ${write("key.pem", tls.key)}`]
    : [];
  const own = rootDse ? [`rootDSE ${write(ROOT_FILE, composeRootDse(rootDse))}`] : [];
  const database = [
    "modulepath /usr/lib/ldap",
    "moduleload back_mdb",
    ...own,
    "database mdb",
    `suffix "${BASE}"`,
    `rootdn "${ROOT_DN}"`,
    `rootpw "${ROOT_PASSWORD}"`,
    `directory ${join(directory, "data")}`,
    "maxsize 1073741824",
    "dbnosync",
    "index objectClass,entryUUID,modifyTimestamp eq",
    ...lines,
  ];
  const head = [`pidfile ${join(directory, "slapd.pid")}`, `argsfile ${join(directory, "slapd.args")}`];
  return write("slapd.conf", [...schemas, ...schema, ...head, ...security, ...database, ""].join("\n"));
}

async function launch(args: readonly string[], port: number): Promise<ChildProcess> {
  const server = spawn(PROGRAM, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  server.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  for (const limit = Date.now() + START_LIMIT; Date.now() < limit; await sleep(50)) {
    if (server.exitCode !== null) throw new Error(`slapd ended with ${server.exitCode}: ${said}`);
    if (await listens(port)) return server;
  }
  await end(server);
  throw new Error(`slapd did not come up: ${said}`);
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

async function end(server: ChildProcess | undefined): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  server.kill("SIGTERM");
  const patience = setTimeout(() => server.kill("SIGKILL"), STOP_LIMIT);
  await ended;
  clearTimeout(patience);
}

/** What a person's entry says. */
export interface Person {
  readonly uid: string;
  readonly mail?: string;
  readonly language?: string;
}

/** The distinguished name of a person. */
export const personDn = (uid: string): string => `uid=${uid},ou=people,${BASE}`;

/** People and groups (name: members) as LDIF. */
export function composeLdif(
  people: readonly Person[],
  groups: Readonly<Record<string, readonly string[]>> = {},
): string {
  const units = ["people", "groups"].map((ou) => `dn: ou=${ou},${BASE}\nobjectClass: organizationalUnit\nou: ${ou}\n`);
  const persons = people.map(({ uid, mail = `${uid}@example.com`, language }) =>
    [
      `dn: ${personDn(uid)}`,
      "objectClass: inetOrgPerson",
      `uid: ${uid}`,
      `cn: ${uid}`,
      `sn: ${uid}`,
      ...(mail === "" ? [] : [`mail: ${mail}`]),
      ...(language === undefined ? [] : [`preferredLanguage: ${language}`]),
      "",
    ].join("\n"),
  );
  const sets = Object.entries(groups).map(([name, members]) =>
    [
      `dn: cn=${name},ou=groups,${BASE}`,
      "objectClass: groupOfNames",
      `cn: ${name}`,
      // A group has a member at least.
      ...[`cn=nobody,${BASE}`, ...members.map(personDn)].map((dn) => `member: ${dn}`),
      "",
    ].join("\n"),
  );
  return [...units, ...persons, ...sets].join("\n");
}
