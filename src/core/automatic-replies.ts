import { type Instant, type Milliseconds, plus } from "../lib/time.ts";

/** A mailbox's automatic replies ("out of office"): off, on, or on for a time, `[start, end)`. */
export type AutomaticReplies =
  | { readonly kind: "disabled" }
  | { readonly kind: "always" }
  | { readonly kind: "scheduled"; readonly start: Instant; readonly end: Instant };

/** Those that are off: nearly everybody's. */
export const REPLIES_OFF: AutomaticReplies = { kind: "disabled" };

/** Those that are on until they are turned off. */
export const REPLIES_ON: AutomaticReplies = { kind: "always" };

/** The automatic replies as last read. */
export interface AutomaticRepliesState {
  readonly replies: AutomaticReplies;
  /** When they were last read successfully. */
  readonly heardAt: Instant;
}

/** What they say at an instant, in words for people, and until when they are on. */
export interface AutomaticRepliesView {
  readonly isOn: boolean;
  readonly state: string;
  readonly until?: Instant;
}

/** Looks at the automatic replies; those not heard of for too long say nothing. */
export function viewAutomaticReplies(
  { replies, heardAt }: AutomaticRepliesState,
  staleAfter: Milliseconds,
  now: Instant,
): AutomaticRepliesView {
  if (now >= plus(heardAt, staleAfter)) return { isOn: false, state: "unknown: not heard of for too long" };
  switch (replies.kind) {
    case "disabled":
      return { isOn: false, state: "off" };
    case "always":
      return { isOn: true, state: "on" };
    case "scheduled":
      if (now < replies.start) return { isOn: false, state: "scheduled for later" };
      if (now >= replies.end) return { isOn: false, state: "over" };
      return { isOn: true, state: "on", until: replies.end };
  }
}

/** The instants at which they may change their meaning; none for those that are off. */
export function edgesOfAutomaticReplies(
  state: AutomaticRepliesState | undefined,
  staleAfter: Milliseconds,
): readonly Instant[] {
  if (!state || state.replies.kind === "disabled") return NEVER;
  const staleAt = plus(state.heardAt, staleAfter);
  return state.replies.kind === "always" ? [staleAt] : [state.replies.start, state.replies.end, staleAt];
}

const NEVER: readonly Instant[] = [];

/** True when both say the same. */
export const sameAutomaticReplies = (a: AutomaticReplies, b: AutomaticReplies): boolean =>
  a.kind === "scheduled" && b.kind === "scheduled" ? a.start === b.start && a.end === b.end : a.kind === b.kind;
