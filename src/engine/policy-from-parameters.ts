import { type CompositionPolicy, DEFAULT_POLICY } from "../core/policy.ts";
import { hours, minutes } from "../lib/time.ts";
import type { Parameters } from "../ports/parameters.ts";

/** The composition policy that the service parameters ask for. */
export function policyFromParameters(parameters: Parameters, reservedTexts: ReadonlySet<string>): CompositionPolicy {
  const { status } = DEFAULT_POLICY;
  const meeting = { ...status.busy, show: parameters.choice("busy-as") === "away" ? "away" : "dnd" } as const;
  const asMeeting = (name: "tentative-as" | "working-elsewhere-as") =>
    parameters.choice(name) === "meeting" ? meeting : {};
  const interval = Math.max(parameters.integer("ews-status-frequency"), parameters.integer("office365-pull-interval"));
  const staleLimit = parameters.integer("stale-limit") || 2 * interval;
  const ignoreBusyFrom = parameters.integer("ignore-busy-from");
  return {
    ...DEFAULT_POLICY,
    offline: parameters.choice("offline-calendar") === "show" ? "show" : "hide",
    status: {
      ...status,
      busy: meeting,
      tentative: asMeeting("tentative-as"),
      workingElsewhere: asMeeting("working-elsewhere-as"),
    },
    automaticReplies: parameters.choice("automatic-replies") === "ignore" ? {} : DEFAULT_POLICY.automaticReplies,
    activityUnderDnd: parameters.choice("dnd-activity") === "show",
    ...(ignoreBusyFrom > 0 && { ignoreBusyFrom: hours(ignoreBusyFrom) }),
    staleAfter: minutes(staleLimit),
    reservedTexts,
  };
}
