import type { PresentityId } from "../../src/core/addresses.ts";
import type { PublisherDetail } from "../../src/ports/presence-publisher.ts";
import type { SipCondition } from "../shared-sip/sip-connection.ts";
import type { Phase } from "./event-publication.ts";
import type { PublicationAgent } from "./publication-agent.ts";

/** What an administrator is told of all publications together. */
export function describeAll({ connected, lastError, dropped }: SipCondition, agent: PublicationAgent) {
  const { published, waiting, parked, lastError: lastFailure } = agent.tally;
  const { oldest } = agent;
  const details: PublisherDetail[] = [["server", connected?.server ?? "not connected"]];
  if (connected) details.push(["connected since", { at: connected.since }]);
  details.push(["published", String(published)], ["waiting", String(waiting)], ["refused", String(parked)]);
  if (oldest !== undefined) details.push(["oldest confirmation", { at: oldest }]);
  if (lastFailure) details.push(["last failure", lastFailure.message]);
  if (lastError) details.push(["last connection error", lastError.message]);
  if (dropped > 0) details.push(["messages dropped", String(dropped)]);
  return details;
}

const PHASES: Readonly<Record<Phase["kind"], string>> = {
  rest: "published",
  queued: "waits for its turn",
  sending: "under way",
  waiting: "waits for a retry",
  parked: "refused",
};

/** What an administrator is told of one presentity's publications; more than one while its address changes. */
export function describePublication(presentity: PresentityId, agent: PublicationAgent): readonly PublisherDetail[] {
  return agent.of(presentity).flatMap(([aor, { phase, granted }]): readonly PublisherDetail[] => [
    ["address", aor],
    ["state", phase.kind === "rest" && !granted ? "not published" : PHASES[phase.kind]],
    ...(granted
      ? ([
          ["confirmed", { at: granted.at }],
          ["expires", { at: granted.expiresAt }],
        ] as const)
      : []),
    ...(phase.kind === "waiting" || phase.kind === "parked" ? ([["next try", { at: phase.until }]] as const) : []),
    ...(phase.kind === "parked" ? ([["last answer", phase.error.message]] as const) : []),
  ]);
}
