import { fileURLToPath } from "node:url";

/** Where presence lives: `memory` forgets at a restart, `sqlite` remembers. */
export type KamailioStorage = "memory" | "sqlite";

/** How the guard of plugins/server-kamailio knows the gateway. */
export type KamailioTrust = "port" | "user" | "certificate" | "nobody";

/** What a Kamailio for tests and the demo shall do. */
export interface KamailioSetup {
  readonly domain: string;
  readonly storage?: KamailioStorage;
  readonly trust?: KamailioTrust;
  /** Takes claims out of documents instead of refusing them (default false). */
  readonly isStripping?: boolean;
  /** Digest user and password of the gateway, for the trust `user`. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Files in PEM, for a TLS port; the certificate's common name that is trusted, for the trust `certificate`. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly ca: string; readonly trusted: string };
}

/** Where a Kamailio of the lab lives. */
export interface KamailioPlace {
  readonly directory: string;
  readonly gatewayPort: number;
  readonly clientPort: number;
  readonly tlsPort: number;
}

const GUARD = fileURLToPath(new URL("../../plugins/server-kamailio/presence-gateway-guard.cfg", import.meta.url));
const EMPTY_TABLES = "/usr/share/kamailio/dbtext/kamailio";

const MODULES =
  "kex corex tm tmx sl rr pv maxfwd textops textopsx siputils xlog sanity auth xmlops presence presence_xml presence_dialoginfo";

/** The guard's definitions for the chosen trust. */
function trustLines({ trust = "port", isStripping = false, login, tls, domain }: KamailioSetup, place: KamailioPlace) {
  const lines: Readonly<Record<KamailioTrust, readonly string[]>> = {
    port: [`#!define PRESENCE_GATEWAY_PORT ${place.gatewayPort}`],
    user: [
      `#!define PRESENCE_GATEWAY_USER "${login?.user}"`,
      `#!define PRESENCE_GATEWAY_REALM "${domain}"`,
      `#!define PRESENCE_GATEWAY_PASSWORD "${login?.password}"`,
    ],
    certificate: [`#!define PRESENCE_GATEWAY_CERTIFICATE "${tls?.trusted}"`],
    nobody: [],
  };
  return [...lines[trust], ...(isStripping ? ["#!define PRESENCE_GATEWAY_STRIP"] : [])];
}

const storageLines = (storage: KamailioStorage, directory: string): readonly string[] =>
  storage === "sqlite"
    ? [
        'loadmodule "db_sqlite.so"',
        `modparam("presence|presence_xml", "db_url", "sqlite:///${directory}/presence.db")`,
        'modparam("presence", "publ_cache", 1)',
      ]
    : [
        // Presence needs a database even where it uses none; subscriptions and publications are in memory.
        'loadmodule "db_text.so"',
        `modparam("presence|presence_xml", "db_url", "text://${EMPTY_TABLES}")`,
        'modparam("presence", "publ_cache", 2)',
      ];

const tlsLines = ({ tls }: KamailioSetup): readonly string[] =>
  tls
    ? [
        'loadmodule "tls.so"',
        'modparam("tls", "tls_method", "TLSv1.2+")',
        `modparam("tls", "certificate", "${tls.certificate}")`,
        `modparam("tls", "private_key", "${tls.key}")`,
        `modparam("tls", "ca_list", "${tls.ca}")`,
        'modparam("tls", "verify_certificate", 1)',
        'modparam("tls", "require_certificate", 1)',
      ]
    : [];

/** Writers of SQLite lock each other out: one process for each transport, and no more. */
const workersOf = (storage: KamailioStorage): number => (storage === "sqlite" ? 1 : 2);

/** The configuration of a presence server that lets anybody publish and watch; only the guard says no. */
export function composeKamailioConfig(setup: KamailioSetup, place: KamailioPlace): string {
  const { domain, storage = "memory" } = setup;
  const { directory, gatewayPort, clientPort, tlsPort } = place;
  return [
    "#!KAMAILIO",
    ...trustLines(setup, place),
    "debug=2",
    "log_stderror=yes",
    `children=${workersOf(storage)}`,
    `tcp_children=${workersOf(storage)}`,
    "auto_aliases=no",
    `alias="${domain}"`,
    "tcp_connection_lifetime=3605",
    ...(setup.tls ? ["enable_tls=yes", `listen=tls:127.0.0.1:${tlsPort}`] : []),
    ...["udp", "tcp"].flatMap((transport) =>
      [gatewayPort, clientPort].map((port) => `listen=${transport}:127.0.0.1:${port}`),
    ),
    'mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"',
    ...MODULES.split(" ").map((name) => `loadmodule "${name}.so"`),
    ...tlsLines(setup),
    ...storageLines(storage, directory),
    `modparam("presence", "server_address", "sip:127.0.0.1:${clientPort}")`,
    'modparam("presence", "subs_db_mode", 0)',
    'modparam("presence", "min_expires", 0)',
    'modparam("presence", "max_expires", 7200)',
    'modparam("presence", "send_fast_notify", 1)',
    'modparam("presence", "notifier_processes", 0)',
    'modparam("presence", "clean_period", 30)',
    'modparam("presence", "timeout_rm_subs", 1)',
    'modparam("presence_xml", "force_active", 1)',
    'modparam("presence_xml", "integrated_xcap_server", 0)',
    'modparam("auth", "nonce_count", 1)',
    'modparam("auth", "qop", "auth")',
    'modparam("auth", "nonce_expire", 3600)',
    `include_file "${GUARD}"`,
    "request_route {",
    '  if (!mf_process_maxfwd_header("10")) { send_reply("483", "Too Many Hops"); exit; }',
    '  if (!sanity_check("1511", "7")) exit;',
    '  if (is_method("OPTIONS")) { send_reply("200", "OK"); exit; }',
    "  route(PRESENCE_GATEWAY_GUARD);",
    '  if (is_method("PUBLISH")) { if (t_newtran()) { handle_publish(); t_release(); } exit; }',
    '  if (is_method("SUBSCRIBE")) { if (t_newtran()) { handle_subscribe(); t_release(); } exit; }',
    '  if (is_method("REGISTER")) { append_to_reply("Expires: 3600\\r\\n"); send_reply("200", "OK"); exit; }',
    '  if (is_method("ACK|CANCEL")) exit;',
    '  send_reply("405", "Method Not Allowed");',
    "}",
    "",
  ].join("\n");
}
