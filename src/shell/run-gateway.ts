import { AdhocFrontEnd } from "../admin/adhoc-front-end.ts";
import { AdminAlerts } from "../admin/admin-alerts.ts";
import type { LiveTrust } from "../admin/certificates/live-trust.ts";
import { ChatFrontEnd, type ChatFrontEndDeps } from "../admin/chat-front-end.ts";
import { type Actor, type CommandServices, LOCAL_ADMINISTRATOR } from "../admin/command.ts";
import { COMMANDS } from "../admin/command-catalogue.ts";
import { drawPieces } from "../admin/draw-progress.ts";
import { drawError } from "../admin/draw-text.ts";
import { startImportSchedule } from "../admin/import/import-schedule.ts";
import { runCommandLine } from "../admin/run-command-line.ts";
import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";
import { reservedTexts } from "../core/texts.ts";
import { Gateway } from "../engine/gateway.ts";
import { LiveParameters } from "../engine/live-parameters.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { XmppLink } from "../ports/xmpp-link.ts";
import { openStore, type Store } from "../store/open-store.ts";
import type { LoadedConfig } from "./config-file.ts";
import {
  type ControlAnswer,
  type ControlHandler,
  type ControlRequest,
  controlPath,
  listenForControl,
} from "./control-socket.ts";
import { createLink } from "./create-link.ts";
import { type ContextOf, createClientSources, createPublishers } from "./create-plugins.ts";
import { createMetrics } from "./exposed-metrics.ts";
import { beginYoung, limitHeapGrowth } from "./heap-growth.ts";
import { hearNotifications } from "./hear-notifications.ts";
import { createLiveView } from "./live-view.ts";
import { observeGateway } from "./observe-gateway.ts";
import { calendarTypes, createCalendarSource, findSuccessor, type SharedContext } from "./plugin-catalog.ts";
import { programVersion } from "./program-version.ts";
import { createDirectories } from "./run-directories.ts";
import { createLog, createRuntime } from "./runtime.ts";
import { keepTrust, loadTrust } from "./trust.ts";

/** A gateway at work. */
export interface RunningGateway {
  /** Takes back what is shown and ends everything, within 5 s. Safe to call twice. */
  stop(): Promise<void>;
}

type Undo = () => Promise<void> | void;

/**
 * The composition root: makes every part and connects them. What was started is undone in reverse when a later part
 * fails, and at the stop. Rejects with GatewayError.
 */
export async function runGateway(config: LoadedConfig, environment: NodeJS.ProcessEnv): Promise<RunningGateway> {
  const undo: Undo[] = [];
  const unwind = async (): Promise<void> => {
    for (let next = undo.pop(); next; next = undo.pop()) await next();
  };
  beginYoung();
  try {
    await assemble(config, environment, undo);
  } catch (error) {
    await unwind();
    throw error;
  }
  return { stop: unwind };
}

async function assemble(config: LoadedConfig, environment: NodeJS.ProcessEnv, undo: Undo[]): Promise<void> {
  const metrics = createMetrics({ withProcess: config.metrics.listen !== undefined });
  const runtime = createRuntime(createLog(config.log.level), metrics);
  const control = new ControlGate();
  undo.push(await listenForControl(controlPath(config.storePath), (request, signal) => control.run(request, signal)));
  const store = openStore({ path: config.storePath, key: config.storeKey, runtime });
  undo.push(() => store.close());
  runtime.log.info("gateway.starting", { component: config.xmpp.component, store: config.storePath });

  const link = createLink(config, runtime);
  const parameters = new LiveParameters(store.registry);
  const trust = await loadTrust(store, runtime, environment);
  const listener = await hearNotifications(config.notifications, { registry: store.registry, runtime, trust });
  undo.push(() => listener.close());
  const context: SharedContext = { runtime, parameters, xmpp: link, trust, listener };
  const contextOf: ContextOf = (kind, name) => ({ ...context, name, memory: store.memoryOf({ kind, name }) });
  const { admins } = config.xmpp;
  const alerts = new AdminAlerts({ link, admins, runtime });
  const { gateway, clientSources } = createGateway(config, { runtime, link, parameters, contextOf, store, alerts });
  const directories = createDirectories(config, contextOf, { runtime, store, alerts });
  const live = createLiveView({
    gateway,
    link,
    served: config.xmpp,
    uniqueId: () => runtime.uniqueId(),
    directories: directories.list,
    clock: runtime.clock,
    parameters,
    storeHealth: () => store.health(),
    clientSources,
  });
  const services: CommandServices = {
    ...createServices(config, { store, trust }, environment),
    clock: runtime.clock,
    live,
    directories: directories.list,
  };
  const observed = { gateway, live, runtime, parameters, directories, store, alerts, metrics };
  const observation = await observeGateway(config.metrics.listen, observed);
  undo.push(() => observation.end());
  const others = [directories, ...createFrontEnds({ link, services, runtime, admins }, store)];
  for (const each of [link, gateway, alerts, ...others]) undo.push(() => each.stop());
  undo.push(keepTrust(trust, { store, link, runtime, admins }));
  // The server tells its presence snapshot once, at connect: whoever wants it must be listening by then.
  limitHeapGrowth("unknown");
  await gateway.start();
  limitHeapGrowth(gateway.presentities.size);
  link.start();
  for (const each of others) each.start();
  undo.push(startImportSchedule({ services, runtime, alerts, admins }));
  control.open((request, signal) => runAs(LOCAL_ADMINISTRATOR, services, request, signal));
  undo.push(observation.begin());
}

const createFrontEnds = (
  deps: ChatFrontEndDeps,
  store: Pick<Store, "memoryOf">,
): readonly (ChatFrontEnd | AdhocFrontEnd)[] => [
  new ChatFrontEnd(deps),
  new AdhocFrontEnd({
    ...deps,
    version: programVersion(),
    memory: store.memoryOf({ kind: "admin", name: "component" }),
  }),
];

/** What commands work with, whether the gateway runs or not. */
export const createServices = (
  config: LoadedConfig,
  { store, trust }: { readonly store: Store; readonly trust: LiveTrust },
  environment: NodeJS.ProcessEnv,
): Omit<CommandServices, "clock"> => ({
  registry: store.registry,
  directoryUsers: store.directoryUsers,
  journal: store.journal,
  calendarTypes,
  servedDomains: config.xmpp.domains,
  domainAdmins: config.xmpp["domain-admins"],
  secrets: {
    environment: (name) => environment[name],
    ...(config.secretsDirectory !== undefined && { directory: config.secretsDirectory }),
  },
  imports: store.imports,
  certificates: {
    store: store.trust,
    examine: (server, terms, signal) => trust.examineWith(server, terms, signal),
  },
  commands: COMMANDS,
});

interface GatewaySurroundings {
  readonly runtime: Runtime;
  readonly link: Pick<XmppLink, "isOnline">;
  readonly parameters: LiveParameters;
  readonly contextOf: ContextOf;
  readonly store: Store;
  readonly alerts: AdminAlerts;
}

function createGateway(config: LoadedConfig, surroundings: GatewaySurroundings) {
  const { runtime, link, parameters, contextOf, store, alerts } = surroundings;
  const clientSources = createClientSources(config, contextOf);
  const gateway = new Gateway({
    runtime,
    registry: store.registry,
    journal: store.journal,
    parameters,
    reservedTexts: reservedTexts(TEXT_CATALOGUE),
    publishers: createPublishers(config, contextOf),
    clientSources: clientSources.map(({ source }) => source),
    findSuccessor,
    createCalendarSource: (server, secrets) =>
      createCalendarSource(server, secrets, contextOf("calendar", server.name)),
    alert: (text) => alerts.tell(text),
    isConnected: () => link.isOnline,
  });
  return { gateway, clientSources };
}

/** Runs one command line and draws its answer as text; what comes step by step is told as it comes. */
export async function runAs(
  actor: Actor,
  services: CommandServices,
  { line, text, tell }: ControlRequest,
  signal: AbortSignal,
): Promise<ControlAnswer> {
  try {
    const pieces = drawPieces(
      await runCommandLine({ ...services, actor, ...(text !== undefined && { text }) }, line, signal),
    );
    for (;;) {
      const { done, value } = await pieces.next();
      if (done) return { isError: value.hasFailed, text: value.text };
      tell(value);
    }
  } catch (error) {
    return { isError: true, text: drawError(toGatewayError(error)) };
  }
}

/** The control socket is the store's lock, so it listens before there is anybody to answer. */
class ControlGate {
  #handle: ControlHandler | undefined;

  open(handle: ControlHandler): void {
    this.#handle = handle;
  }

  run(request: ControlRequest, signal: AbortSignal): Promise<ControlAnswer> {
    return this.#handle
      ? this.#handle(request, signal)
      : Promise.resolve({ isError: true, text: "The gateway is starting; try again in a moment." });
  }
}
