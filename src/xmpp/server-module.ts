import type { BareJid } from "../core/addresses.ts";
import { type Milliseconds, minutes } from "../lib/time.ts";
import { GatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import { findChild } from "../ports/xml-element.ts";
import type { Connection } from "./connection.ts";
import { NS } from "./namespaces.ts";

const TICK: Milliseconds = minutes(1);
const LONGEST_INSTANCE = 200;
const LONGEST_FEATURES = 1000;

/** What the module says of itself. */
export interface ModuleHello {
  readonly moduleInstance: string;
  readonly moduleFeatures: string;
}

/** What asking for the module needs. */
export interface ModuleWatchDeps {
  readonly runtime: Runtime;
  readonly connection: Connection;
  /** The instance that is known now. */
  readonly known: () => string | undefined;
  /** Called with every answer; `undefined` when there is no module. */
  readonly onAnswer: (hello: ModuleHello | undefined) => void;
}

/** Asks the domain for our server module each minute until the connection ends: it may be loaded, unloaded or loaded anew. */
export async function watchServerModule(domain: BareJid, deps: ModuleWatchDeps): Promise<never> {
  let hasWarned = false;
  for (;;) {
    const answer = await sayHello(domain, deps);
    if (answer.isRefused && !hasWarned) deps.runtime.log.warn("xmpp.module-refused", { domain });
    hasWarned ||= answer.isRefused;
    deps.onAnswer(answer.hello);
    await deps.runtime.clock.sleep(TICK, deps.connection.lifetime);
  }
}

/** The module does not tell all presence again when it is the instance that is known. */
async function sayHello(
  domain: BareJid,
  { connection, known }: ModuleWatchDeps,
): Promise<{ readonly hello: ModuleHello | undefined; readonly isRefused: boolean }> {
  const instance = known();
  const attributes = { xmlns: NS.serverModule, ...(instance !== undefined && { known: instance }) };
  const hello = { name: "hello", attributes };
  const iq = { name: "iq", attributes: { type: "get", to: domain }, children: [hello] };
  try {
    const answer = await connection.request(iq, connection.lifetime, "ahead");
    const { instance, features = "" } = findChild(answer, "hello", NS.serverModule)?.attributes ?? {};
    return { hello: instance === undefined ? undefined : decodeHello(instance, features), isRefused: false };
  } catch (error) {
    connection.lifetime.throwIfAborted();
    // Forbidden: the module is there but is configured for another component.
    return { hello: undefined, isRefused: error instanceof GatewayError && error.code === "xmpp-iq-forbidden" };
  }
}

const decodeHello = (instance: string, features: string): ModuleHello => ({
  moduleInstance: instance.slice(0, LONGEST_INSTANCE),
  moduleFeatures: features.slice(0, LONGEST_FEATURES),
});
