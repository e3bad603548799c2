import type { Instant } from "../lib/time.ts";
import type { Health } from "../ports/plugin.ts";
import { formatMoment } from "./format-moment.ts";
import type { GatewayPart } from "./live-gateway.ts";

/** True for a part that does not work as it should. */
export const isInTrouble = ({ health: { state } }: GatewayPart): boolean => state === "down" || state === "degraded";

/** A part as administrators call it: `xmpp`, `store`, `gateway hq`, `publisher xmpp-pep`. */
export function namePart({ kind, name }: GatewayPart): string {
  switch (kind) {
    case "xmpp":
    case "store":
      return kind;
    case "calendar":
      return `gateway ${name}`;
    case "clients":
    case "publisher":
    case "directory":
      return `${kind} ${name}`;
  }
}

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
