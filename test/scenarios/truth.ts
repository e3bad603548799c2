import type { BusyInterval } from "../../src/core/busy-time.ts";
import type { ClientPresence, PresenceDocument } from "../../src/core/presence.ts";
import type { Instant } from "../../src/lib/time.ts";

/** What is so of one person, whatever the gateway knows of it. */
export interface Truth {
  meetings: BusyInterval[];
  readonly clients: Map<string, { readonly show: ClientPresence["show"]; readonly priority: number }>;
  override: { readonly until: Instant } | undefined;
  /** None: the person is no user. */
  standing: "enabled" | "disabled" | "none";
}

/** A person without meetings and clients. */
export const newTruth = (): Truth => ({ meetings: [], clients: new Map(), override: undefined, standing: "enabled" });

const covers =
  (now: Instant, status: BusyInterval["status"]) =>
  (interval: BusyInterval): boolean =>
    interval.status === status && interval.start <= now && now < interval.end;

/**
 * What must be shown, as `show|activity|text`; empty where nothing of the gateway's is to be seen. Written down anew from
 * the table in docs/ARCHITECTURE.md, "Composition", so that it does not share a mistake with the code.
 */
export function expectedView({ meetings, clients, override, standing }: Truth, now: Instant): string {
  const shows = [...clients.values()];
  if (standing !== "enabled" || shows.length === 0) return "";
  if (override && now < override.until) return "";
  const isOof = meetings.some(covers(now, "oof"));
  const isBusy = !isOof && meetings.some(covers(now, "busy"));
  if (shows.some(({ show }) => show === "dnd")) return isBusy ? "dnd|in_a_meeting|" : "";
  if (isBusy) return "dnd|in_a_meeting|in-a-meeting";
  return isOof ? `${strongestShow(shows) === "xa" ? "xa" : "away"}||out-of-office` : "";
}

const MOST_AVAILABLE_FIRST = ["chat", "available", "away", "xa"];

function strongestShow(clients: readonly { readonly show: string; readonly priority: number }[]): string {
  const highest = Math.max(...clients.map(({ priority }) => priority));
  const candidates = clients.filter(({ priority }) => priority === highest).map(({ show }) => show);
  return MOST_AVAILABLE_FIRST.find((show) => candidates.includes(show)) ?? "";
}

/** The same form of what is shown. */
export const viewOf = (document: PresenceDocument | undefined): string =>
  !document || document.show === "unavailable"
    ? ""
    : `${document.show}|${document.activity?.specific ?? ""}|${document.text ?? ""}`;
