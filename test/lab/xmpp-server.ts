import { setTimeout as sleep } from "node:timers/promises";
import { startEjabberd } from "./ejabberd.ts";
import { findEjabberd } from "./ejabberd-config.ts";
import { startProsody } from "./prosody.ts";
import type { LuaValue } from "./prosody-config.ts";

/** The servers that the gateway has a module for. */
export type ServerKind = "prosody" | "ejabberd";

/** Options of the gateway's module in the server, whatever that calls them. Times in seconds. */
export interface ModuleOptions {
  readonly grace?: number;
  readonly maxOverlay?: number;
  readonly reservedTexts?: readonly string[];
}

/** What a server for tests and the demo shall serve. */
export interface ServerSetup {
  readonly host: string;
  readonly component: { readonly jid: string; readonly secret: string };
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Pairs of user names that see each other's presence. */
  readonly rosters: readonly (readonly [string, string])[];
  /** `"none"`: the server runs without the gateway's module. */
  readonly module?: ModuleOptions | "none";
  /** False: XEP-0356 is not there; Prosody only. */
  readonly privilege?: boolean;
  readonly rooms?: string;
  readonly otherComponents?: readonly string[];
  /** Bytes; the server's own limit if not given. */
  readonly stanzaBytes?: number;
  /** Where Prosody lives; ejabberd runs as another user and takes a folder of its own. */
  readonly directory?: string;
}

/** A real XMPP server on 127.0.0.1. */
export interface XmppServer {
  readonly kind: ServerKind;
  readonly host: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  /** How the gateway acts for users there. */
  readonly actsBy: "privilege" | "trusted";
  restart(): Promise<void>;
  /** Ends the server, removes what it has left, and resolves with the lines of its log that should not be there; safe twice. */
  stop(): Promise<readonly string[]>;
  /** What the server has logged; ejabberd's is two seconds late. */
  log(): string;
  loadModule(): Promise<void>;
  unloadModule(): Promise<void>;
  /** Loads the module's configuration, and where that is possible its code, anew without ending it. */
  reloadModule(): Promise<void>;
}

/** Erlang's logger writes to the disk every two seconds. */
const LOG_DELAY = 2100;

/** Prints why, and returns true, when this server is not on this machine. */
export function isMissing(kind: ServerKind): boolean {
  if (kind === "prosody" || findEjabberd() !== undefined) return false; // startProsody says what to install
  console.log("skipped: ejabberd is not installed (apt-get install ejabberd)");
  return true;
}

/** The servers that are on this machine; prints what is skipped. */
export const installedServers = (): readonly ServerKind[] =>
  (["prosody", "ejabberd"] as const).filter((kind) => !isMissing(kind));

/** Starts the server, ready for clients and components. */
export const startXmppServer = (kind: ServerKind, setup: ServerSetup): Promise<XmppServer> =>
  kind === "prosody" ? onProsody(setup) : onEjabberd(setup);

async function onProsody({ module = {}, stanzaBytes, ...setup }: ServerSetup): Promise<XmppServer> {
  const limit = stanzaBytes && { component_stanza_size_limit: stanzaBytes, c2s_stanza_size_limit: stanzaBytes };
  const server = await startProsody({
    ...setup,
    ...(limit && { globalOptions: limit }),
    ...(module === "none" ? { module: false } : { options: prosodyOptions(module) }),
  });
  const order = async (verb: "load" | "unload" | "reload"): Promise<void> => {
    await server.shell(`module:${verb}("presence_gateway", "${setup.host}")`);
  };
  return {
    ...server,
    kind: "prosody",
    actsBy: "privilege",
    async stop() {
      const complaints = server.log().match(/^.*(\terror\t|[Tt]raceback).*$/gm) ?? [];
      await server.stop();
      return complaints;
    },
    loadModule: () => order("load"),
    unloadModule: () => order("unload"),
    reloadModule: () => order("reload"),
  };
}

const prosodyOptions = ({ grace, maxOverlay, reservedTexts }: ModuleOptions): Readonly<Record<string, LuaValue>> => ({
  ...(grace !== undefined && { presence_gateway_grace: grace }),
  ...(maxOverlay !== undefined && { presence_gateway_max_overlay: maxOverlay }),
  ...(reservedTexts && { presence_gateway_reserved_texts: reservedTexts }),
});

async function onEjabberd({
  module = {},
  rosters,
  directory: _,
  stanzaBytes: __,
  privilege: ___,
  ...setup
}: ServerSetup): Promise<XmppServer> {
  const options = module === "none" ? undefined : ejabberdOptions(module);
  const jids = rosters.map(([one, other]) => [`${one}@${setup.host}`, `${other}@${setup.host}`] as const);
  const server = await startEjabberd({ ...setup, rosters: jids, ...(options && { module: options }) });
  const load = (): Promise<void> => server.reconfigure({ module: options ?? {} });
  return {
    ...server,
    kind: "ejabberd",
    actsBy: "trusted",
    async stop() {
      await sleep(LOG_DELAY);
      // It misses the texts of its web pages, which nobody reads here.
      const complaints = server.log().match(/^.*\[(error|critical)\](?!.*translate:).*$/gm) ?? [];
      await server.stop();
      return complaints;
    },
    loadModule: load,
    unloadModule: () => server.reconfigure({ module: undefined }),
    reloadModule: load,
  };
}

const ejabberdOptions = ({ grace, maxOverlay, reservedTexts }: ModuleOptions): Readonly<Record<string, unknown>> => ({
  ...(grace !== undefined && { grace }),
  ...(maxOverlay !== undefined && { max_overlay: maxOverlay }),
  ...(reservedTexts && { reserved_texts: reservedTexts }),
});
