import { namePart } from "../admin/describe-health.ts";
import type { GatewayPart } from "../admin/live-gateway.ts";
import { formatInstant } from "../lib/time.ts";
import type { Health } from "../ports/plugin.ts";

/** Where in its life the gateway is. */
export type GatewayPhase = "starting" | "running" | "stopping";

/** One part that does not work, without its error's text: that may name people. */
interface Trouble {
  /** As `status` calls it; `gateway` is the whole. */
  readonly part: string;
  readonly state: Exclude<Health["state"], "ok"> | "stopping";
  /** docs/ERRORS.md has it; absent while the part is starting. */
  readonly code?: string;
  /** RFC 3339, in UTC. */
  readonly since?: string;
}

/** Whether the gateway can do its work. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not. */
  readonly reasons: readonly Trouble[];
  /** What else does not work; the gateway does its work without it. */
  readonly troubles: readonly Trouble[];
}

/**
 * Ready: the gateway has started and is not about to end, there is an XMPP server, the store can be written, and calendars can be read: of one server at least, where
 * there are any. One server of several, a publisher or a directory that is away takes nothing from all users.
 */
export function describeReadiness(parts: readonly GatewayPart[], phase: GatewayPhase = "running"): Readiness {
  const reasons: Trouble[] = phase === "running" ? [] : [{ part: "gateway", state: phase }];
  const troubles: Trouble[] = [];
  const calendars = parts.filter(({ kind }) => kind === "calendar");
  const isBlind = calendars.length > 0 && calendars.every(({ health: { state } }) => !isServing(state));
  for (const part of parts) {
    if (part.health.state === "ok") continue;
    (isNeeded(part, isBlind) ? reasons : troubles).push(describeTrouble(part));
  }
  return { ready: reasons.length === 0, reasons, troubles };
}

const isServing = (state: Health["state"]): boolean => state === "ok" || state === "degraded";

function isNeeded({ kind, health: { state } }: GatewayPart, isBlind: boolean): boolean {
  switch (kind) {
    case "xmpp":
      return !isServing(state);
    case "store":
      return true;
    case "calendar":
      return isBlind;
    case "clients":
    case "publisher":
    case "directory":
      return false;
  }
}

function describeTrouble(part: GatewayPart): Trouble {
  const { health } = part;
  const state = health.state === "ok" ? "starting" : health.state;
  return {
    part: namePart(part),
    state,
    ...("error" in health && { code: health.error.code }),
    ...("since" in health && health.since !== undefined && { since: formatInstant(health.since) }),
  };
}
