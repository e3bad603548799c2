import { LiveParameters } from "../engine/live-parameters.ts";
import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { minutes, seconds } from "../lib/time.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { NotificationListener } from "../ports/notification-listener.ts";
import type { Registry } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Trust } from "../ports/trust.ts";
import type { Config } from "./config-schema.ts";
import { SocketNotificationListener } from "./notification-listener.ts";
import { Webhooks } from "./webhooks.ts";

const RETRY: BackoffPolicy = { first: seconds(1), longest: minutes(1) };

/** The listener, which moves when the parameter is changed; `close` ends it. Rejects with GatewayError (`store-…`). */
export async function hearNotifications(
  { listen, address, ...webhookConfig }: Config["notifications"],
  {
    registry,
    runtime,
    trust,
  }: { readonly registry: Registry; readonly runtime: Runtime; readonly trust: Pick<Trust, "noteOwn"> },
): Promise<NotificationListener & { close(): Promise<void> }> {
  const parameters = new LiveParameters(registry);
  await parameters.reload();
  const port = (): number => parameters.integer("exchange-notification-port");
  const webhooks = Webhooks.from(webhookConfig, { runtime, trust });
  const listener = new SocketNotificationListener({ runtime, listen, address, port, webhooks });
  const stop = new AbortController();
  const following = follow({ parameters, listener, registry, runtime }, stop.signal);
  return {
    hasWebhooks: listener.hasWebhooks,
    open: (request, signal) => listener.open(request, signal),
    async close() {
      stop.abort(new Error("the gateway is stopping"));
      await following;
      await listener.close();
    },
  };
}

interface FollowDeps {
  readonly parameters: LiveParameters;
  readonly listener: SocketNotificationListener;
  readonly registry: Registry;
  readonly runtime: Runtime;
}

async function follow({ parameters, listener, registry, runtime }: FollowDeps, signal: AbortSignal): Promise<void> {
  const { clock, log, random } = runtime;
  for (let failures = 0; !signal.aborted; ) {
    try {
      // The watch begins with the call, so that no change falls between it and the reading.
      const changes = registry.watch(signal);
      await parameters.reload();
      await listener.portChanged();
      for await (const { kind } of changes) {
        failures = 0;
        if (kind !== "parameter") continue;
        await parameters.reload();
        await listener.portChanged();
      }
    } catch (error) {
      if (signal.aborted) return;
      log.error("notifications.watch-failed", { code: toGatewayError(error).code });
    }
    failures++;
    await clock.sleep(backoffDelay(RETRY, failures, random()), signal).catch(() => undefined);
  }
}
