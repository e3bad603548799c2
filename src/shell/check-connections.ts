import { seconds } from "../lib/time.ts";
import { GatewayError, toGatewayError } from "../ports/errors.ts";
import { readParameters } from "../ports/parameters.ts";
import type { PluginContext } from "../ports/plugin-definition.ts";
import type { CalendarServer } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import { openStore, type Store } from "../store/open-store.ts";
import { ComponentLink } from "../xmpp/component-link.ts";
import type { LoadedConfig } from "./config-file.ts";
import { controlPath, sendControl } from "./control-socket.ts";
import { createCalendarSource } from "./plugin-catalog.ts";
import { createLog, createMetrics, createRuntime } from "./runtime.ts";

/** How long one connection may take. */
const PATIENCE = seconds(15);

/** One line of the check. */
export interface CheckLine {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Tries every connection of a valid configuration: the store, the XMPP server, each calendar server. */
export async function* checkConnections(config: LoadedConfig): AsyncGenerator<CheckLine> {
  const runtime = createRuntime(createLog("silent"), createMetrics());
  let store: Store | undefined;
  try {
    store = openStore({ path: config.storePath, key: config.storeKey, runtime });
    yield { name: "store", ok: true, detail: config.storePath };
  } catch (error) {
    yield failed("store", error);
  }
  const link = createLink(config, runtime);
  try {
    yield (await isRunning(config)) ? runningLine() : await checkLink(link, config, runtime);
    if (store) yield* checkCalendarServers(store, { runtime, parameters: readParameters(() => ({})), xmpp: link });
  } finally {
    await link.stop();
    store?.close();
  }
}

const failed = (name: string, error: unknown): CheckLine => ({
  name,
  ok: false,
  detail: toGatewayError(error).message,
});

const createLink = (config: LoadedConfig, runtime: Runtime): ComponentLink =>
  new ComponentLink(
    {
      ...config.xmpp.service,
      domain: config.xmpp.component,
      secret: config.componentSecret,
      domains: config.xmpp.domains.map((domain) => ({ domain, actsBy: config.xmpp["acts-by"] })),
    },
    runtime,
  );

const isRunning = async (config: LoadedConfig): Promise<boolean> =>
  (await sendControl(controlPath(config.storePath), "status").catch(() => undefined)) !== undefined;

/** A second connection would push the running gateway's own off the server. */
const runningLine = (): CheckLine => ({
  name: "xmpp",
  ok: true,
  detail: 'a gateway is running on this store; ask it with presence-gateway command "status"',
});

async function checkLink(link: ComponentLink, config: LoadedConfig, runtime: Runtime): Promise<CheckLine> {
  const { host, port } = config.xmpp.service;
  const limit = new AbortController();
  const cancel = runtime.clock.at((runtime.clock.now() + PATIENCE) as ReturnType<typeof runtime.clock.now>, () =>
    limit.abort(new GatewayError("no answer in time", { type: "wait", code: "xmpp-timeout" })),
  );
  link.start();
  try {
    for await (const event of link.watch(limit.signal)) {
      if (event.kind === "online") return { name: "xmpp", ok: true, detail: `${host}:${port} accepts ${link.domain}` };
      const health = link.health();
      if (event.kind === "offline" && health.state === "down") throw health.error;
    }
    return { name: "xmpp", ok: false, detail: "no answer" };
  } catch (error) {
    return failed("xmpp", error);
  } finally {
    cancel();
  }
}

async function* checkCalendarServers(store: Store, context: Omit<PluginContext, "name">): AsyncGenerator<CheckLine> {
  for (const server of await store.registry.listCalendarServers()) {
    if (server.isEnabled) yield await checkCalendarServer(server, store, context);
  }
}

async function checkCalendarServer(
  server: CalendarServer,
  store: Store,
  context: Omit<PluginContext, "name">,
): Promise<CheckLine> {
  const name = `gateway ${server.name}`;
  try {
    const secrets = await store.registry.openSecrets(server.name);
    const source = createCalendarSource(server, secrets, context);
    const users = await store.registry.listUsers();
    const mailbox = users.find(({ gateway, isEnabled }) => gateway === server.name && isEnabled)?.mailbox;
    try {
      await source.start(AbortSignal.timeout(PATIENCE));
      let last = "nothing to test";
      for await (const { step, ok, detail } of source.test?.(mailbox, AbortSignal.timeout(PATIENCE)) ?? []) {
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
