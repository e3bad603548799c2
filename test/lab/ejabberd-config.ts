import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What an ejabberd for tests and the demo shall serve. */
export interface EjabberdSetup {
  /** The virtual host, such as `example.test`. */
  readonly host: string;
  readonly component: { readonly jid: string; readonly secret: string };
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Pairs of JIDs, the first of them a user, that are in each other's roster. */
  readonly rosters?: readonly (readonly [string, string])[];
  /** The component may set any `from` (default true): `check_from: false`. */
  readonly trusted?: boolean;
  /** Options of mod_presence_gateway beside its component; absent: it is not loaded. */
  readonly module?: Readonly<Record<string, unknown>> | undefined;
  /** More modules with their options. */
  readonly otherModules?: Readonly<Record<string, object>>;
  /** The address of a chat room service, when one is wanted. */
  readonly rooms?: string;
  /** More external components, all with the same secret. */
  readonly otherComponents?: readonly string[];
}

/** Where an ejabberd of the lab lives. */
export interface EjabberdPlace {
  readonly directory: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  readonly apiPort: number;
}

const SOURCES = fileURLToPath(new URL("../../plugins/server-ejabberd/mod_presence_gateway/src", import.meta.url));
const ERLANG_LIBRARIES = "/usr/lib/erlang/lib";

/** Where Debian keeps ejabberd's code; `undefined` when it is not installed. */
export function findEjabberd(): string | undefined {
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => join("/usr/lib", name)) : [];
  const isHome = (folder: string): boolean =>
    statSync(folder).isDirectory() && readdirSync(folder).some((name) => name.startsWith("ejabberd-"));
  return folders.find(isHome);
}

/** Compiles the gateway's module into the folder as docs/EJABBERD.md tells; throws with the compiler's complaints. */
export function compileServerModule(folder: string): void {
  const names = readdirSync(SOURCES).filter((name) => name.endsWith(".erl"));
  const includes = includeFolders().flatMap((path) => ["-I", path]);
  execFileSync("erlc", ["-Werror", "-o", folder, ...includes, ...names], {
    cwd: SOURCES,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ERL_LIBS: findEjabberd() },
  });
}

function includeFolders(): readonly string[] {
  const libraries = readdirSync(ERLANG_LIBRARIES).filter((name) => /^p1_(xml|xmpp)-/.test(name));
  const home = findEjabberd() ?? "";
  const server = readdirSync(home).filter((name) => name.startsWith("ejabberd-"));
  return [...libraries.map((name) => join(ERLANG_LIBRARIES, name)), ...server.map((name) => join(home, name))].map(
    (path) => join(path, "include"),
  );
}

/** The configuration file, as JSON: JSON is YAML. */
export const composeEjabberdConfig = (setup: EjabberdSetup, place: EjabberdPlace): string =>
  JSON.stringify(configurationOf(setup, place), undefined, 1);

function configurationOf(setup: EjabberdSetup, place: EjabberdPlace): object {
  const { host, component, trusted = true, otherComponents = [] } = setup;
  const ip = "127.0.0.1";
  const components = [component.jid, ...otherComponents].map((jid) => [jid, { password: component.secret }]);
  return {
    hosts: [host],
    loglevel: "info",
    listen: [
      { port: place.c2sPort, ip, module: "ejabberd_c2s" },
      {
        port: place.componentPort,
        ip,
        module: "ejabberd_service",
        access: "all",
        shaper: "none",
        check_from: !trusted,
        global_routes: false, // each component takes its own name alone
        hosts: Object.fromEntries(components),
      },
      { port: place.apiPort, ip, module: "ejabberd_http", request_handlers: { "/api": "mod_http_api" } },
    ],
    acl: { gateway: { server: component.jid } },
    access_rules: { gateway: { allow: "gateway" } },
    api_permissions: {
      loopback: { who: { ip: "127.0.0.1/8" }, what: ["register", "add_rosteritem", "reload_config"] },
    },
    modules: modulesOf(setup),
  };
}

function modulesOf({ component, module, otherModules, rooms }: EjabberdSetup): object {
  const gateway = { both: "gateway" };
  return {
    mod_privilege: { roster: gateway, presence: { managed_entity: "gateway" }, message: { outgoing: "gateway" } },
    mod_admin_extra: {},
    mod_caps: {},
    mod_disco: {},
    mod_muc: rooms === undefined ? {} : { host: rooms }, // mod_caps of 23.01 crashes without
    mod_ping: {},
    mod_pubsub: { plugins: ["flat", "pep"] },
    mod_roster: {},
    ...otherModules,
    ...(module && { mod_presence_gateway: { component: component.jid, ...module } }),
  };
}
