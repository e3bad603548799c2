import type { PresentityId, SipAor } from "../core/addresses.ts";
import type { PhoneState } from "../core/compose.ts";
import type { ClientPresence } from "../core/presence.ts";
import type { Plugin } from "./plugin.ts";

/** What changed among a presentity's clients. */
export type ClientChange =
  | { readonly kind: "present"; readonly presentity: PresentityId; readonly presence: ClientPresence }
  | { readonly kind: "gone"; readonly presentity: PresentityId; readonly resource: string }
  /** The connection was made anew: what was known of all clients is unconfirmed until heard again. */
  | { readonly kind: "reset" }
  /** A call is in progress, or none is any more. It ends by itself when it is no longer known. */
  | { readonly kind: "phone"; readonly presentity: PresentityId; readonly phone: PhoneState | undefined }
  /** The snapshot after a reset is complete: who was not heard again is gone. Never sent by a server that gives none. */
  | { readonly kind: "settled" }
  /** A client claimed what only the gateway may say; it was overwritten or must be (for audit and overwriting). */
  | { readonly kind: "claim"; readonly presentity: PresentityId; readonly carrier: ClaimCarrier };

/** Where a claim stood: in the user's PEP node, which it overwrote; in a status; in a SIP presence document of its own. */
type ClaimCarrier = "activity" | "status" | "document";

/** Somebody whom the engine serves. */
export interface FollowedPresentity {
  readonly presentity: PresentityId;
  /** The user's address of record, if there is one. */
  readonly sip?: SipAor;
}

/** Where the users' own clients are heard. */
export interface ClientPresenceSource extends Plugin {
  /** What its clients carry as `via`: what a reset puts in doubt, and what is gone, concerns these only. */
  readonly via?: "sip";
  /** A snapshot first, then every change, for every presentity of the server (the engine picks its own). Endless. */
  watchClients(signal: AbortSignal): AsyncIterable<ClientChange>;
  /**
   * Names presentities that the engine serves, for sources that must ask for each; more may be named at any time, and the
   * same ones again when their address has changed.
   */
  follow?(presentities: Iterable<FollowedPresentity>): void;
  /** Names one that the engine serves no more: a source that asks for each asks no longer, and says that all is gone. */
  unfollow?(presentity: PresentityId): void;
}
