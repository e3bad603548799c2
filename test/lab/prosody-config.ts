import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A value of Prosody's configuration language, which is Lua. */
export type LuaValue = string | number | boolean | readonly LuaValue[] | { readonly [key: string]: LuaValue };

/** What a Prosody for tests and the demo shall serve. */
export interface ProsodySetup {
  /** The virtual host, such as `example.test`. */
  readonly host: string;
  readonly component: { readonly jid: string; readonly secret: string };
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Pairs of user names that see each other's presence. */
  readonly rosters?: readonly (readonly [string, string])[];
  /** Loads mod_presence_gateway (default true). */
  readonly module?: boolean;
  /** Loads mod_privilege and trusts the component with everything (default true). */
  readonly privilege?: boolean;
  /** More options of the virtual host, such as `presence_gateway_grace`. */
  readonly options?: Readonly<Record<string, LuaValue>>;
  /** More options of the whole server. */
  readonly globalOptions?: Readonly<Record<string, LuaValue>>;
  /** More modules of the virtual host. */
  readonly modules?: readonly string[];
  /** The address of a chat room service, when one is wanted. */
  readonly rooms?: string;
  /** More external components, all with the same secret. */
  readonly otherComponents?: readonly string[];
}

/** Where a Prosody of the lab lives. */
export interface ProsodyPlace {
  readonly directory: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  /** The folder that holds mod_presence_gateway. */
  readonly pluginPath: string;
}

/** Writes the configuration, accounts and rosters; returns the path of the configuration file. */
export function writeProsodyFiles(setup: ProsodySetup, place: ProsodyPlace): string {
  const dataFolder = join(place.directory, "data", encodeFileName(setup.host));
  for (const store of ["accounts", "roster"]) mkdirSync(join(dataFolder, store), { recursive: true });
  for (const user of setup.users) {
    const file = `${encodeFileName(user.name)}.dat`;
    writeFileSync(join(dataFolder, "accounts", file), `return { password = ${lua(user.password)} };\n`);
    writeFileSync(join(dataFolder, "roster", file), rosterOf(user.name, setup));
  }
  mkdirSync(join(place.directory, "certs"), { recursive: true }); // Prosody complains without
  const path = join(place.directory, "prosody.cfg.lua");
  writeFileSync(path, configurationOf(setup, place), { mode: 0o600 });
  return path;
}

function configurationOf(setup: ProsodySetup, place: ProsodyPlace): string {
  const { host, component } = setup;
  const withModule = setup.module !== false;
  const loopback = ["127.0.0.1"];
  const common = setup.privilege === false ? [] : ["privilege"];
  const modules = [...common, ...(withModule ? ["presence_gateway"] : []), ...(setup.modules ?? [])];
  return [
    options({
      run_as_root: process.getuid?.() === 0,
      plugin_paths: [place.pluginPath],
      data_path: join(place.directory, "data"),
      pidfile: join(place.directory, "prosody.pid"),
      log: { debug: join(place.directory, "prosody.log") },
      interfaces: loopback,
      local_interfaces: loopback,
      c2s_ports: [place.c2sPort],
      component_interfaces: loopback,
      component_ports: [place.componentPort],
      admin_socket: join(place.directory, "admin.sock"),
      modules_enabled: ["roster", "saslauth", "disco", "pep", "ping", "admin_shell"],
      modules_disabled: ["s2s", "tls", "offline"],
      authentication: "internal_plain",
      allow_unencrypted_plain_auth: true,
      c2s_require_encryption: false,
      storage: "internal",
      // advised for a server with a gateway
      gc: { mode: "generational" },
      pep_service_cache_size: 20_000,
      ...setup.globalOptions,
    }),
    `VirtualHost ${lua(host)}`,
    options({
      modules_enabled: modules,
      ...(withModule ? { presence_gateway_component: component.jid } : {}),
      ...(setup.privilege === false ? {} : { privileged_entities: { [component.jid]: FULL_PRIVILEGES } }),
      ...setup.options,
    }),
    ...[component.jid, ...(setup.otherComponents ?? [])].flatMap((jid) => [
      `Component ${lua(jid)}`,
      options({ component_secret: component.secret, modules_enabled: common }),
    ]),
    ...(setup.rooms === undefined ? [] : [`Component ${lua(setup.rooms)} "muc"`]),
    "",
  ].join("\n");
}

// XEP-0356: what the gateway needs to read and write presence, rosters and PEP
const FULL_PRIVILEGES: LuaValue = {
  roster: "both",
  message: "outgoing",
  presence: "managed_entity",
  iq: { "http://jabber.org/protocol/pubsub": "both", "http://jabber.org/protocol/pubsub#owner": "both" },
};

function rosterOf(name: string, setup: ProsodySetup): string {
  const pairs = setup.rosters ?? [];
  const contacts = pairs.flatMap(([one, other]) => (one === name ? [other] : other === name ? [one] : []));
  const items = contacts.map((contact) => `[${lua(`${contact}@${setup.host}`)}] = ${BOTH};`);
  return `return { [false] = { version = 1; pending = {}; }; ${items.join(" ")} };\n`;
}

const BOTH = '{ subscription = "both"; groups = {}; }';

const options = (values: Readonly<Record<string, LuaValue>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${lua(value)}`)
    .join("\n");

function lua(value: LuaValue): string {
  if (typeof value === "string")
    return `"${value.replace(/[\\"\n\r\0]/g, (c) => `\\${c.charCodeAt(0).toString().padStart(3, "0")}`)}"`;
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `{ ${value.map(lua).join(", ")} }`;
  return `{ ${Object.entries(value)
    .map(([key, each]) => `[${lua(key)}] = ${lua(each)}`)
    .join(", ")} }`;
}

/** Prosody's internal storage writes every byte but letters and digits as % and two hex digits. */
const encodeFileName = (name: string): string =>
  [...Buffer.from(name)]
    .map((byte) => String.fromCharCode(byte))
    .map((c) => (/[A-Za-z0-9]/.test(c) ? c : `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`))
    .join("");
