import type { ActivityFact, JabberFact, PresenceFact } from "./jabber-facts.ts";

/** What a person sees of a contact in the roster. */
export interface ContactView {
  readonly show: PresenceFact["show"];
  readonly status: string;
  readonly activity: { readonly general: string; readonly specific: string; readonly text: string } | undefined;
}

/** The state after these facts: the strongest resource's presence and the last activity told. */
export function viewContact(facts: readonly JabberFact[], bareJid: string): ContactView {
  const resources = new Map<string, PresenceFact>();
  let activity: ActivityFact | undefined;
  for (const fact of facts) {
    if (fact.kind === "presence" && fact.from.startsWith(`${bareJid}/`)) resources.set(fact.from, fact);
    if (fact.kind === "activity" && fact.from === bareJid) activity = fact;
  }
  const online = [...resources.values()].filter((each) => each.show !== "offline");
  const strongest = online.reduce<PresenceFact | undefined>(
    (best, each) => (best && !isStronger(each, best) ? best : each),
    undefined,
  );
  return {
    show: strongest?.show ?? "offline",
    status: strongest?.status ?? "",
    activity:
      activity && activity.general !== ""
        ? { general: activity.general, specific: activity.specific, text: activity.text }
        : undefined,
  };
}

const RANK: readonly PresenceFact["show"][] = ["offline", "xa", "away", "dnd", "available", "chat"];

/** Higher priority wins, then the more available show, as clients usually choose. */
const isStronger = (one: PresenceFact, other: PresenceFact): boolean =>
  one.priority !== other.priority ? one.priority > other.priority : RANK.indexOf(one.show) > RANK.indexOf(other.show);
