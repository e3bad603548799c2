import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "./free-ports.ts";

/** What an Apache for tests stands before. */
export interface ApacheOptions {
  /** Where requests go that are logged in, such as `http://127.0.0.1:8080`. */
  readonly backEnd: string;
  /** Lines of the NTLM user file: `DOMAIN:user:password`. */
  readonly users: readonly string[];
  /** PEM of the server's certificate and key; plain HTTP without. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A real Apache on 127.0.0.1 that takes NTLMv2 logins by mod_auth_gssapi and gss-ntlmssp. */
export interface Apache {
  /** Its address without a path. */
  readonly origin: string;
  /** One entry a request, in the order in which they were logged: a little after the answer's end. */
  requests(): readonly ApacheRequest[];
  /** Everything that the server has logged as an error. */
  errors(): string;
  /** Ends the server and removes what it has left; safe to call twice. */
  stop(): Promise<void>;
}

/** One request as Apache logged it. */
export interface ApacheRequest {
  /** The client's port: another one for each TCP connection. */
  readonly connection: string;
  /** The query of the address, with its question mark. */
  readonly query: string;
  readonly status: number;
  /** `-` when nobody is logged in. */
  readonly user: string;
}

const PROGRAM = "/usr/sbin/apache2";
const MODULES = "/usr/lib/apache2/modules";
const NTLM_MECHANISM = "/etc/gss/mech.d/mech.ntlmssp.conf";
const START_LIMIT = 20_000;
const NAMES = ["mpm_prefork", "authn_core", "authz_core", "authz_user", "auth_gssapi", "proxy", "proxy_http", "ssl"];

/** The Debian packages that Apache with NTLM needs and that are not installed. */
export const missingForApache = (): readonly string[] =>
  [
    [PROGRAM, "apache2"],
    [join(MODULES, "mod_auth_gssapi.so"), "libapache2-mod-auth-gssapi"],
    [NTLM_MECHANISM, "gss-ntlmssp"],
  ].flatMap(([path = "", name = ""]) => (existsSync(path) ? [] : [name]));

/** Starts an Apache that is ready to serve, as user www-data when started by root. Rejects with its log otherwise. */
export async function startApache(options: ApacheOptions): Promise<Apache> {
  const directory = mkdtempSync(join(tmpdir(), "apache-ntlm-"));
  const port = await findFreePort();
  const server = launch(options, directory, port);
  const read = (name: string): string => {
    const path = join(directory, name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  try {
    await untilListening(server, port, () => read("error.log"));
  } catch (error) {
    await end(server, directory);
    throw error;
  }
  return {
    origin: `${options.tls ? "https" : "http"}://localhost:${port}`,
    requests: () => read("access.log").split("\n").filter(Boolean).map(parseRequest),
    errors: () => read("error.log"),
    stop: () => end(server, directory),
  };
}

function parseRequest(line: string): ApacheRequest {
  const [connection = "", query = "", status = "", ...user] = line.split(" ");
  return { connection, query, status: Number(status), user: user.join(" ").replaceAll("\\\\", "\\") };
}

function launch(options: ApacheOptions, directory: string, port: number): ChildProcess {
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const users = write("users", `${options.users.join("\n")}\n`);
  if (options.tls) {
    write("key.pem", options.tls.key);
    write("cert.pem", options.tls.cert);
  }
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const path of [directory, users]) chownSync(path, idOf("-u"), idOf("-g"));
  const config = write("httpd.conf", configuration(options, { directory, port, isRoot }));
  return spawn(PROGRAM, ["-DFOREGROUND", "-f", config], {
    stdio: "ignore",
    // Its end is told to all of its process group: it must have one of its own.
    detached: true,
    // NTLMv2 only; the server's own names would else be looked up in DNS.
    env: { PATH: process.env["PATH"], NTLM_USER_FILE: users, LM_COMPAT_LEVEL: "5" },
  });
}

const idOf = (flag: string): number => Number(execFileSync("id", [flag, "www-data"], { encoding: "utf8" }));

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly isRoot: boolean;
}

/** GssapiConnectionBound: the login holds for the connection. One child process serves one connection. */
const configuration = ({ backEnd, tls }: ApacheOptions, { directory, port, isRoot }: Place): string =>
  [
    `ServerRoot "${directory}"`,
    "ServerName localhost",
    `Listen 127.0.0.1:${port}`,
    `PidFile "${directory}/apache.pid"`,
    `DefaultRuntimeDir "${directory}"`,
    "Mutex posixsem",
    `ErrorLog "${directory}/error.log"`,
    ...NAMES.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    ...(isRoot ? ["User www-data", "Group www-data"] : []),
    "StartServers 12",
    "MinSpareServers 5",
    "MaxRequestWorkers 60",
    "ServerLimit 60",
    "KeepAlive On",
    "KeepAliveTimeout 60",
    "MaxKeepAliveRequests 0",
    'LogFormat "%{remote}p %q %>s %u" line',
    `CustomLog "${directory}/access.log" line`,
    ...(tls ? ["SSLEngine on", "SSLCertificateFile cert.pem", "SSLCertificateKeyFile key.pem"] : []),
    `ProxyPass "/" "${backEnd}/" flushpackets=on`,
    "<Location />",
    "AuthType GSSAPI",
    'AuthName "Exchange"',
    "GssapiAllowedMech ntlmssp",
    "GssapiConnectionBound On",
    "GssapiSSLonly Off",
    "Require valid-user",
    "</Location>",
    "",
  ].join("\n");

async function untilListening(server: ChildProcess, port: number, log: () => string): Promise<void> {
  const deadline = performance.now() + START_LIMIT;
  while (!(await canConnect(port))) {
    if (server.exitCode !== null || performance.now() > deadline) throw new Error(`apache2 did not start:\n${log()}`);
    await sleep(50);
  }
}

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

/** SIGTERM ends the parent and with it all children. */
async function end(server: ChildProcess, directory: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const gone = new Promise<void>((resolve) => server.once("exit", () => resolve()));
    server.kill("SIGTERM");
    await gone;
  }
  rmSync(directory, { recursive: true, force: true });
}
