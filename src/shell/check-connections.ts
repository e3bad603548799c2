import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { CLIENTS_ERROR_CODES } from "../../plugins/clients-xmpp/clients-errors.ts";
import type { ServedDomain } from "../admin/describe-domain.ts";
import { mergeLimited } from "../lib/merge-limited.ts";
import { type Milliseconds, seconds } from "../lib/time.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { NotificationListener } from "../ports/notification-listener.ts";
import { readParameters } from "../ports/parameters.ts";
import type { PluginMemory } from "../ports/plugin-memory.ts";
import type { CalendarServer } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { DomainAccess } from "../ports/xmpp-link.ts";
import { needsMigration, openStore, type Store } from "../store/open-store.ts";
import type { ComponentLink } from "../xmpp/component-link.ts";
import { XMPP_ERROR_CODES } from "../xmpp/xmpp-errors.ts";
import { checkDirectory } from "./check-directory.ts";
import { type CheckLine, waitUntil } from "./check-line.ts";
import { checkSip } from "./check-sip.ts";
import type { LoadedConfig } from "./config-file.ts";
import { controlPath, sendControl } from "./control-socket.ts";
import { createLink } from "./create-link.ts";
import { createMetrics } from "./exposed-metrics.ts";
import { notificationError } from "./notification-errors.ts";
import { createCalendarSource, type SharedContext } from "./plugin-catalog.ts";
import { createLog, createRuntime } from "./runtime.ts";
import { loadTrust } from "./trust.ts";

/** How long one connection may take. */
const PATIENCE = seconds(15);
/** Each step of a calendar server's test has its own limit; this one is for all together. */
const TEST_LIMIT = seconds(60);
/** Servers that are tried at a time; a test is a few requests, one after the other. */
const MOST_AT_ONCE = 16;
/** How long the server may take to say what it grants: the first stanza, and the answer to a question. */
const GRANT_TIME = seconds(6);

/** The port belongs to the gateway, which may be running; no step of a test waits for a notification. */
const REFUSING: NotificationListener = {
  open: () => Promise.reject(notificationError("notification-not-running", "this is a check and not the gateway")),
};

/** A check begins and ends nothing that would have to be remembered. */
const FORGETFUL: PluginMemory = { load: () => new Map(), put: () => undefined, delete: () => undefined };

/**
 * Tries every connection of a valid configuration: the store, the XMPP server, the SIP server, each directory and calendar server. Changes nothing.
 *
 * @param grantTime how long the XMPP server may take to say what it grants
 */
export async function* checkConnections(config: LoadedConfig, grantTime = GRANT_TIME): AsyncGenerator<CheckLine> {
  const runtime = createRuntime(createLog("silent"), createMetrics());
  const [storeLine, store] = checkStore(config, runtime);
  yield storeLine;
  const link = createLink(config, runtime);
  try {
    // A second connection would push the running gateway's own off the server.
    const running = await askRunning(config);
    if (running) yield* running;
    else yield* checkLink(link, config, { runtime, grantTime });
    // Whom to trust is in the store.
    if (!store && config.sip)
      yield { name: "sip", ok: true, detail: "not tried before the gateway has made or migrated its store" };
    if (store) {
      const trust = await loadTrust(store, runtime, process.env);
      const parameters = readParameters(() => ({}));
      const listener = REFUSING;
      if (config.sip) yield await checkSip(config.sip, { runtime, trust });
      const context = { runtime, parameters, xmpp: link, trust, listener };
      for (const each of config.directories) yield await checkDirectory(each, { ...context, memory: FORGETFUL });
      yield* checkCalendarServers(store, context);
    }
  } finally {
    await link.stop();
    store?.close();
  }
}

/** A store that does not exist is not made: a check by root would leave the gateway's account a file it cannot open. */
function checkStore({ storePath, storeKey }: LoadedConfig, runtime: Runtime): readonly [CheckLine, Store?] {
  const name = "store";
  try {
    if (!existsSync(storePath)) return [checkStorePlace(storePath)];
    // An older gateway may be running on it, or may have to run again.
    if (needsMigration(storePath)) {
      const detail = `${storePath} is of an older version: the gateway migrates it when it starts. Calendar servers are not tried before`;
      return [{ name, ok: true, detail }];
    }
    const store = openStore({ path: storePath, key: storeKey, runtime });
    return [{ name, ok: true, detail: storePath }, store];
  } catch (error) {
    return [failed(name, error)];
  }
}

function checkStorePlace(storePath: string): CheckLine {
  const name = "store";
  const place = dirname(storePath);
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    return { name, ok: true, detail: `${storePath} does not exist yet; the gateway makes it when it starts` };
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    const detail = `${storePath} cannot be made: ${place} does not exist or may not be written${reason}. Make the directory and give it to the gateway's account.`;
    return { name, ok: false, detail };
  }
}

const failed = (name: string, error: unknown): CheckLine => {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return { name, ok: false, detail: `no answer within ${TEST_LIMIT / 1000} s` };
  }
  const { message, code } = toGatewayError(error);
  return { name, ok: false, detail: `${message} (${code})` };
};

/** What a gateway that runs on this store says of its own connection and of each domain; `undefined` when none runs. */
async function askRunning(config: LoadedConfig): Promise<readonly CheckLine[] | undefined> {
  const name = "xmpp";
  try {
    const answer = await sendControl(controlPath(config.storePath), { line: "status", tell: () => undefined });
    if (!answer) return undefined;
    const lines = answer.text.split("\n");
    const line = lines.find((each) => each.startsWith("xmpp: ")) ?? answer.text;
    return [
      { name, ok: line.startsWith("xmpp: ok"), detail: `the gateway that runs on this store says: ${line}` },
      ...lines.flatMap(decodeClients),
      ...lines.flatMap(decodeDomain),
    ];
  } catch (error) {
    return [failed(name, error)];
  }
}

/** `clients xmpp: …` of `status`, when the users' clients are not heard as they should be. */
function decodeClients(line: string): CheckLine[] {
  const [, detail] = /^clients xmpp: ((?:down|degraded)\b.*)$/.exec(line) ?? [];
  return detail === undefined ? [] : [{ name: "xmpp clients", ok: false, detail }];
}

/** `domain example.com: …` of `status`. */
function decodeDomain(line: string): CheckLine[] {
  const [, domain, detail = ""] = /^domain (\S+): (.*)$/.exec(line) ?? [];
  return domain === undefined ? [] : [{ name: `xmpp ${domain}`, ok: !detail.startsWith("none:"), detail }];
}

async function* checkLink(
  link: ComponentLink,
  config: LoadedConfig,
  { runtime, grantTime }: { readonly runtime: Runtime; readonly grantTime: Milliseconds },
): AsyncGenerator<CheckLine> {
  const { host, port } = config.xmpp.service;
  link.start();
  await waitUntil(() => link.isOnline || link.health().state === "down", PATIENCE, runtime);
  const health = link.health();
  if (!link.isOnline) {
    const detail = "error" in health ? describeLinkError(health.error) : `${host}:${port} did not answer in time`;
    yield { name: "xmpp", ok: false, detail };
    return;
  }
  yield { name: "xmpp", ok: true, detail: `${host}:${port} accepts ${link.domain}` };
  const { domains, "contact-domains": contactDomains } = config.xmpp;
  // The server tells what it grants just after the connection; that it grants nothing shows by its silence only.
  await waitUntil(() => domains.every((domain) => isComplete(link.access(domain))), grantTime, runtime);
  for (const domain of domains) {
    yield describeAccess({ domain, access: link.access(domain), hasContacts: contactDomains.includes(domain) });
  }
}

const isComplete = (access: DomainAccess | undefined): boolean =>
  access !== undefined && access.actsBy !== "none" && access.hasPresence && access.isModuleKnown;

/** What the table of error codes advises; the check itself does not try again. */
const adviceFor = (code: string): string =>
  (XMPP_ERROR_CODES[code]?.action ?? "").replace(" Tried again every minute.", "");

const describeLinkError = ({ message, code }: GatewayError): string => {
  const action = adviceFor(code);
  return `${message}${action === "" || message.endsWith(action) ? "" : `. ${action}`} (${code})`;
};

/** What the gateway can do for the users of the domain, and what stands in the way. */
function describeAccess({ domain, access, hasContacts }: ServedDomain): CheckLine {
  const problems = [
    ...(!access || access.actsBy === "none"
      ? [`the gateway may not act for users. ${adviceFor("xmpp-no-access")} (xmpp-no-access)`]
      : []),
    ...(access?.hasPresence
      ? []
      : [`users' clients are not heard. ${CLIENTS_ERROR_CODES["clients-no-presence"].action} (clients-no-presence)`]),
  ];
  const name = `xmpp ${domain}`;
  if (problems.length > 0) {
    const contacts = hasContacts ? "Show and status are seen on contact JIDs alone. " : "";
    return { name, ok: hasContacts, detail: `${contacts}${problems.join(" ")}` };
  }
  const without = hasContacts ? "show and status are seen on contact JIDs alone" : "only the activity is shown";
  const shown = access?.moduleInstance
    ? "show, status and activity are shown"
    : `there is no server module, so ${without}`;
  return { name, ok: true, detail: `acts for users by ${access?.actsBy}, hears their clients; ${shown}` };
}

async function* checkCalendarServers(store: Store, context: SharedContext): AsyncGenerator<CheckLine> {
  const servers = (await store.registry.listCalendarServers()).filter(({ isEnabled }) => isEnabled);
  const checks = servers.map(
    (server) =>
      async function* () {
        yield await checkCalendarServer(server, store, context);
      },
  );
  yield* mergeLimited(checks, MOST_AT_ONCE);
}

async function checkCalendarServer(server: CalendarServer, store: Store, shared: SharedContext): Promise<CheckLine> {
  const name = `gateway ${server.name}`;
  // A gateway may be running: what its plugin remembers is neither looked at nor changed.
  const context = { ...shared, name: server.name, memory: FORGETFUL };
  try {
    const secrets = await store.registry.openSecrets(server.name);
    const source = createCalendarSource(server, secrets, context);
    const users = await store.registry.listUsers();
    const mailbox = users.find(({ gateway, isEnabled }) => gateway === server.name && isEnabled)?.mailbox;
    try {
      const limit = AbortSignal.timeout(TEST_LIMIT);
      await source.start(limit);
      let last = "nothing to test";
      for await (const { step, ok, detail } of source.test?.({ mailbox }, limit) ?? []) {
        if (!ok) return { name, ok, detail: `${step}: ${detail}` };
        last = `${step}: ${detail}`;
      }
      return { name, ok: true, detail: last };
    } finally {
      await source.stop();
    }
  } catch (error) {
    return failed(name, error);
  }
}
