import type { SipAor } from "../core/addresses.ts";
import { composeDocument } from "../core/compose.ts";
import type { CompositionPolicy } from "../core/policy.ts";
import { busynessOf, type PresenceDocument, samePresence } from "../core/presence.ts";
import { findKeyed, withKeyed } from "../lib/keyed-list.ts";
import { type Instant, plus, seconds } from "../lib/time.ts";
import type { Journal, OutboxRow } from "../ports/journal.ts";
import type { Parameters } from "../ports/parameters.ts";
import type { Runtime } from "../ports/runtime.ts";
import { addressToLeave, wantedAddress } from "./plan-address.ts";
import { NEUTRAL, planPublication } from "./plan-publication.ts";
import { inputsOf, type Presentity } from "./presentity.ts";
import type { PublishDue } from "./publish-due.ts";

/** What recomputation works on. */
export interface RecomputeDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly parameters: Parameters;
  readonly policy: () => CompositionPolicy;
  readonly publishers: readonly PublishDue[];
  /** While the gateway stops, nothing is shown of anybody. */
  readonly isWithdrawing: () => boolean;
  readonly wakeAt: (presentity: Presentity, at: Instant | undefined) => void;
}

/** Why a presentity is recomputed; only an edge known in advance is spread (parameter `calendar-spread`). */
export type RecomputeReason = "edge" | "input" | "lost-publication";

/**
 * The one place where a presentity's document changes: everything that can change it ends here. From reading the inputs
 * to recording the result it is one synchronous step.
 */
export function recomputePresence(deps: RecomputeDeps, presentity: Presentity, reason: RecomputeReason): void {
  const now = deps.runtime.clock.now();
  const isShown = presentity.user?.isEnabled === true && !deps.isWithdrawing();
  const composition = composeDocument(inputsOf(presentity), deps.policy(), now);
  const document = isShown ? composition.document : NEUTRAL;
  const hasChanged = presentity.document === undefined || !samePresence(presentity.document, document);
  const isStart = presentity.document !== undefined && busynessOf(document.show) > busynessOf(presentity.document.show);
  const notBefore = reason === "edge" && isStart ? plus(now, spreadOffset(presentity.id, deps.parameters)) : now;

  presentity.validUntil = isShown ? composition.validUntil : undefined;
  armTimer(deps, presentity);
  const isShowing = !deps.isWithdrawing();
  const planned = deps.publishers.filter((due) => plan(due, { presentity, document, now, notBefore, isShowing }));
  if (hasChanged) {
    presentity.document = document;
    presentity.composedAt = now;
    deps.runtime.metrics.count("presence_gateway_compositions_total");
  }
  if (hasChanged || planned.length > 0) {
    const composedAt = presentity.composedAt ?? now;
    deps.journal.recordComposition(presentity.id, { document, composedAt }, presentity);
  }
  for (const due of planned) due.enqueue(presentity);
}

/** Wakes the presentity when its document is due to change, or a publication is due to be refreshed. */
export function armTimer(
  { publishers, wakeAt }: Pick<RecomputeDeps, "publishers" | "wakeAt">,
  presentity: Presentity,
): void {
  let at = presentity.validUntil;
  for (const due of publishers) {
    // What is already on its way needs no waking; its retries have their own time.
    const refreshAt = findKeyed(presentity.outbox, "publisher", due.name) ? undefined : due.refreshAt(presentity);
    if (refreshAt !== undefined && (at === undefined || refreshAt < at)) at = refreshAt;
  }
  wakeAt(presentity, at);
}

interface PlanInput {
  readonly presentity: Presentity;
  readonly document: PresenceDocument;
  readonly now: Instant;
  readonly notBefore: Instant;
  /** False while the gateway stops. */
  readonly isShowing: boolean;
}

/** Puts the publisher's row into the presentity's outbox when one is needed; true when it did. */
function plan(due: PublishDue, input: PlanInput): boolean {
  const { presentity } = input;
  const wanted = wantedAddress(due.publisher, presentity.user);
  const pending = findKeyed(presentity.outbox, "publisher", due.name);
  // What timed out may have arrived all the same: it is not taken for not sent, nor is what takes its place.
  const isUncertain = due.isUnderWay(presentity) || (pending !== undefined && pending.failures > 0);
  const left = addressToLeave(wanted, { shown: due.addressOf(presentity), pending, isUncertain });
  if (left !== undefined) {
    if (pending?.kind === "retract" && pending.sip === left) return false;
    put(due, input, { kind: "retract", document: due.neutral, isUncertain, sip: left });
    return true;
  }
  const isOther = pending !== undefined && pending.sip !== wanted;
  if (isOther) due.drop(presentity);
  if (due.publisher.capabilities.addressType === "sip" && wanted === undefined) return false;
  return planDocument(due, input, { pending: isOther ? undefined : pending, isUncertain, wanted });
}

function planDocument(
  due: PublishDue,
  input: PlanInput,
  {
    pending,
    isUncertain,
    wanted,
  }: { pending: OutboxRow | undefined; isUncertain: boolean; wanted: SipAor | undefined },
): boolean {
  const { presentity } = input;
  const { publisher, neutral } = due;
  const document = publisher.reduce(input.document);
  const state = { shown: due.shownBy(presentity), mayLinger: due.mayLinger(presentity), pending, isUncertain };
  const decision = planPublication({ document, locale: localeOf(presentity), neutral }, state);
  if (decision === "drop-pending") due.drop(presentity);
  if (decision !== "send") return false;
  // RFC 3903 4.5: what would stay until it expires is removed when the gateway stops.
  const isKept = presentity.user?.isEnabled === true && (input.isShowing || wanted === undefined);
  put(due, input, { kind: isKept ? "publish" : "retract", document, isUncertain, sip: wanted });
  return true;
}

const localeOf = ({ user }: Presentity): string => user?.locale ?? "en";

interface Wanted extends Pick<OutboxRow, "kind" | "document"> {
  readonly isUncertain: boolean;
  readonly sip: SipAor | undefined;
}

function put(
  { name }: PublishDue,
  { presentity, now, notBefore }: PlanInput,
  { kind, document, isUncertain, sip }: Wanted,
): void {
  const row: OutboxRow = {
    presentity: presentity.id,
    publisher: name,
    document,
    locale: localeOf(presentity),
    kind,
    since: now,
    notBefore,
    failures: isUncertain ? 1 : 0,
    sip,
  };
  presentity.outbox = withKeyed(presentity.outbox, "publisher", row);
}

/** A fixed offset a user within the spread: FNV-1a over the JID. */
function spreadOffset(id: string, parameters: Parameters): number {
  const spread = seconds(parameters.integer("calendar-spread"));
  if (spread === 0) return 0;
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % (spread + 1);
}
