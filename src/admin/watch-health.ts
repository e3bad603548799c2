import { toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import { listConditions } from "./health-conditions.ts";
import { type HealthCases, LOOK_INTERVAL, stepNotices } from "./health-notices.ts";
import type { LiveGateway } from "./live-gateway.ts";

/** What watching works with. */
export interface WatchHealthDeps {
  readonly live: Pick<LiveGateway, "now" | "parts" | "counts">;
  readonly alerts: { tell(text: string): void };
  readonly runtime: Pick<Runtime, "clock" | "log">;
}

/** Tells the administrators of what does not work, until the signal aborts. Never rejects. */
export async function watchHealth({ live, alerts, runtime }: WatchHealthDeps, signal: AbortSignal): Promise<void> {
  let cases: HealthCases = new Map();
  while (!signal.aborted) {
    await runtime.clock.sleep(LOOK_INTERVAL, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const conditions = listConditions(live);
      if (!conditions) continue;
      const step = stepNotices(cases, conditions, live.now());
      cases = step.cases;
      for (const notice of step.notices) alerts.tell(notice);
    } catch (error) {
      runtime.log.error("admin.health-not-watched", { code: toGatewayError(error).code });
    }
  }
}
