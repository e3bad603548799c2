import type { Instant } from "../lib/time.ts";
import type { Health } from "../ports/plugin.ts";
import { formatMoment } from "./format-moment.ts";

/** A part's condition in words: `ok since 09:00:00 UTC (3 m ago)`, `down since …: message (code)`. */
export function describeHealth(health: Health, now: Instant): string {
  const since = "since" in health && health.since !== undefined ? ` since ${formatMoment(health.since, now)}` : "";
  switch (health.state) {
    case "starting":
    case "stopped":
      return health.state;
    case "ok":
      return `ok${since}${health.detail === undefined ? "" : `: ${health.detail}`}`;
    case "degraded":
    case "down":
      return `${health.state}${since}: ${health.error.message} (${health.error.code})`;
  }
}
