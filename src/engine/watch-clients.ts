import type { PhoneState } from "../core/compose.ts";
import { type ClientPresence, sameClientPresence } from "../core/presence.ts";
import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { findKeyed, NONE, withKeyed, withoutKeyed } from "../lib/keyed-list.ts";
import { minutes, seconds } from "../lib/time.ts";
import type { ClientChange, ClientPresenceSource } from "../ports/client-presence-source.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Journal } from "../ports/journal.ts";
import type { Registry } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Presentities, Presentity } from "./presentity.ts";
import type { PublishDue } from "./publish-due.ts";

const RETRY: BackoffPolicy = { first: seconds(1), longest: minutes(1) };

/** What watching the clients works with. */
export interface WatchClientsDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly presentities: Presentities;
  readonly publishers: readonly PublishDue[];
  readonly recompute: (presentity: Presentity) => void;
}

/** Follows what the users' own clients say, until the signal aborts. */
export async function watchClients(
  source: ClientPresenceSource,
  deps: WatchClientsDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, random } = deps.runtime;
  for (let failures = 0; !signal.aborted; ) {
    try {
      for await (const change of source.watchClients(signal)) {
        failures = 0;
        takeChange(change, source, deps);
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn("clients.watch-failed", { code: toGatewayError(error).code });
    }
    failures++;
    await clock.sleep(backoffDelay(RETRY, failures, random()), signal).catch(() => undefined);
  }
}

function takeChange(change: ClientChange, { via }: ClientPresenceSource, deps: WatchClientsDeps): void {
  switch (change.kind) {
    case "reset":
      for (const presentity of deps.presentities) doubt(presentity, via);
      return;
    case "settled":
      for (const presentity of deps.presentities) dropUnconfirmed(presentity, via, deps);
      return;
    case "present":
      takePresence(deps.presentities.open(change.presentity), change.presence, deps);
      return;
    case "gone":
      takeGone(deps.presentities.find(change.presentity), { resource: change.resource, via }, deps);
      return;
    case "phone":
      takePhone(deps.presentities.find(change.presentity), change.phone, deps);
      return;
    case "claim":
      takeClaim(change, deps);
      return;
  }
}

function takePresence(presentity: Presentity, presence: ClientPresence, deps: WatchClientsDeps): void {
  confirm(presentity, presence.resource);
  const before = findKeyed(presentity.clients, "resource", presence.resource);
  // What says the same takes the place all the same: the source keeps it too, so the other one can go.
  presentity.clients = withKeyed(presentity.clients, "resource", presence);
  if (!before || !sameClientPresence(before, presence)) record(presentity, deps);
  // Since when it says so decides only between clients that are equal in all else.
  else if (before.since !== presence.since && presentity.clients.length > 1) deps.recompute(presentity);
}

type Via = ClientPresence["via"];

function takeGone(
  presentity: Presentity | undefined,
  { resource, via }: { readonly resource: string; readonly via: Via },
  deps: WatchClientsDeps,
): void {
  const client = presentity && findKeyed(presentity.clients, "resource", resource);
  if (!client || client.via !== via) return;
  confirm(presentity, resource);
  presentity.clients = withoutKeyed(presentity.clients, "resource", resource);
  record(presentity, deps);
}

function confirm(presentity: Presentity, resource: string): void {
  const others = presentity.unconfirmed.filter((each) => each !== resource);
  presentity.unconfirmed = others.length === 0 ? NONE : others;
}

function takePhone(presentity: Presentity | undefined, phone: PhoneState | undefined, deps: WatchClientsDeps): void {
  if (!presentity) return;
  presentity.phone = phone;
  deps.recompute(presentity);
}

/** What one source has to say again is nothing to the clients of another. */
const heardBy = ({ clients }: Presentity, via: Via): readonly string[] =>
  clients.filter((client) => client.via === via).map(({ resource }) => resource);

function doubt(presentity: Presentity, via: Via): void {
  const own = heardBy(presentity, via);
  const others = presentity.unconfirmed.filter((resource) => !own.includes(resource));
  presentity.unconfirmed = own.length + others.length === 0 ? NONE : [...others, ...own];
}

function dropUnconfirmed(presentity: Presentity, via: Via, deps: WatchClientsDeps): void {
  if (presentity.unconfirmed.length === 0) return;
  const own = heardBy(presentity, via);
  const lost = presentity.unconfirmed.filter((resource) => own.includes(resource));
  if (lost.length === 0) return;
  for (const resource of lost) confirm(presentity, resource);
  presentity.clients = presentity.clients.filter(({ resource }) => !lost.includes(resource));
  record(presentity, deps);
}

/** Clients of people who are not enabled are only remembered: enabling them then shows the truth at once. */
function record(presentity: Presentity, deps: WatchClientsDeps): void {
  if (!presentity.user) {
    // One of whom something is to be taken back yet is no stranger.
    const known = presentity.clients.length + presentity.published.length + presentity.outbox.length;
    if (known === 0) deps.presentities.delete(presentity);
    return;
  }
  deps.journal.replaceClients(presentity.id, presentity.clients);
  deps.recompute(presentity);
}

/** A forged activity stands where ours belongs: what is right is sent over it, and the audit keeps a line. */
function takeClaim({ presentity: id, carrier }: ClientChange & { kind: "claim" }, deps: WatchClientsDeps): void {
  const presentity = deps.presentities.find(id);
  if (!presentity?.user?.isEnabled) return;
  const { clock, log, metrics } = deps.runtime;
  metrics.count("presence_gateway_forged_claims_total", { carrier });
  log.info("claim.overwritten", { presentity: id, carrier });
  const entry = {
    at: clock.now(),
    actor: id,
    action: "claim.forged",
    subject: id,
    detail: `in a meeting, by ${carrier}`,
  };
  deps.registry
    .recordAudit(entry)
    .catch((error: unknown) => log.warn("audit.failed", { code: toGatewayError(error).code }));
  if (carrier !== "activity") return;
  for (const due of deps.publishers) if (due.publisher.capabilities.carries.has("activity")) due.noteForged(presentity);
}
