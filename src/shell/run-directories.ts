import directoryLdap from "../../plugins/directory-ldap/index.ts";
import type { AdminAlerts } from "../admin/admin-alerts.ts";
import { DirectorySync } from "../engine/directories/directory-sync.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Store } from "../store/open-store.ts";
import type { LoadedConfig } from "./config-file.ts";
import type { ContextOf } from "./create-plugins.ts";

/** The directories of the configuration, at work from `start` on. */
export interface RunningDirectories {
  readonly list: readonly DirectorySync[];
  start(): void;
  stop(): Promise<void>;
}

/** What the directories work with. */
export interface DirectorySurroundings {
  readonly runtime: Runtime;
  readonly store: Pick<Store, "registry" | "directoryUsers">;
  readonly alerts: Pick<AdminAlerts, "tell">;
}

/** Makes the directories; each synchronises by itself. */
export function createDirectories(
  { directories, xmpp }: Pick<LoadedConfig, "directories" | "xmpp">,
  contextOf: ContextOf,
  { runtime, store, alerts }: DirectorySurroundings,
): RunningDirectories {
  const deps = {
    runtime,
    registry: store.registry,
    users: store.directoryUsers,
    servedDomains: xmpp.domains,
    configured: new Set(directories.map(({ settings }) => settings.name)),
    alert: (text: string) => alerts.tell(text),
  };
  const stop = new AbortController();
  const parts = directories.map(({ settings, options }) => {
    const source = directoryLdap.create(options, contextOf("directory", settings.name));
    return { source, sync: new DirectorySync(settings, source, deps) };
  });
  let loops: readonly Promise<void>[] = [];
  return {
    list: parts.map(({ sync }) => sync),
    start: () => {
      loops = parts.map(({ sync }) => sync.run(stop.signal));
    },
    stop: async () => {
      stop.abort(new Error("the gateway is stopping"));
      await Promise.all(loops);
      for (const { source } of parts) await source.stop();
    },
  };
}
