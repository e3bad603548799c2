import type { AdminAlerts } from "../admin/admin-alerts.ts";
import type { LiveGateway } from "../admin/live-gateway.ts";
import { watchHealth } from "../admin/watch-health.ts";
import type { Gateway } from "../engine/gateway.ts";
import type { Parameters } from "../ports/parameters.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Store } from "../store/open-store.ts";
import type { ServiceAddress } from "./config-schema.ts";
import { describeReadiness, type GatewayPhase } from "./describe-readiness.ts";
import type { ExposedMetrics } from "./exposed-metrics.ts";
import { readGauges } from "./gauge-gateway.ts";
import { serveMetrics } from "./metrics-server.ts";
import type { RunningDirectories } from "./run-directories.ts";

/** The running gateway's parts that are looked at. */
export interface ObservedGateway {
  readonly gateway: Gateway;
  readonly live: LiveGateway;
  readonly runtime: Pick<Runtime, "clock" | "log">;
  readonly parameters: Parameters;
  readonly directories: Pick<RunningDirectories, "list">;
  readonly store: Pick<Store, "imports" | "trust">;
  readonly alerts: Pick<AdminAlerts, "tell">;
  readonly metrics: ExposedMetrics;
}

/** Monitoring, and the notices to administrators. */
export interface Observation {
  /** The gateway is at work: administrators are told of trouble from now on. Returns what says that it is about to end. */
  begin(): () => void;
  end(): Promise<void>;
}

/**
 * Lets monitoring see the gateway, where an address is given, from before its start to its end. Rejects with GatewayError
 * `metrics-unavailable`.
 */
export async function observeGateway(
  listen: ServiceAddress | undefined,
  observed: ObservedGateway,
): Promise<Observation> {
  let phase: GatewayPhase = "starting";
  let watching = Promise.resolve();
  const stop = new AbortController();
  const closeServer = listen && (await serve(listen, observed, () => phase));
  return {
    begin: () => {
      phase = "running";
      watching = watchHealth(observed, stop.signal);
      return () => {
        phase = "stopping";
        stop.abort(new Error("the gateway is stopping"));
        observed.runtime.log.info("gateway.stopping");
      };
    },
    end: async () => {
      stop.abort(new Error("the gateway is stopping"));
      await watching;
      await closeServer?.();
    },
  };
}

async function serve(
  listen: ServiceAddress,
  { gateway, live, runtime: { clock }, parameters, directories, store: { imports, trust }, metrics }: ObservedGateway,
  phase: () => GatewayPhase,
): Promise<() => Promise<void>> {
  const readiness = () => describeReadiness(live.parts(), phase());
  const gauged = { gateway, live, readiness, clock, parameters, directories: directories.list, imports, trust };
  const { close } = await serveMetrics(listen, {
    readiness,
    metrics: async () => {
      const setGauges = await readGauges(gauged);
      metrics.clearGauges();
      setGauges(metrics);
      return metrics.text();
    },
  });
  return close;
}
