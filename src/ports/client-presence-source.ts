import type { PresentityId } from "../core/addresses.ts";
import type { ClientPresence } from "../core/presence.ts";
import type { Plugin } from "./plugin.ts";

/** What changed among a presentity's clients. */
export type ClientChange =
  | { readonly kind: "present"; readonly presentity: PresentityId; readonly presence: ClientPresence }
  | { readonly kind: "gone"; readonly presentity: PresentityId; readonly resource: string }
  /** The connection was made anew: what was known of all clients is unconfirmed until heard again. */
  | { readonly kind: "reset" }
  /** The snapshot after a reset is complete: who was not heard again is gone. Never sent by a server that gives none. */
  | { readonly kind: "settled" }
  /** A client claimed what only the gateway may say; it was overwritten or must be (for audit and overwriting). */
  | { readonly kind: "claim"; readonly presentity: PresentityId; readonly carrier: "activity" | "status" };

/** Where the users' own clients are heard. */
export interface ClientPresenceSource extends Plugin {
  /** A snapshot first, then every change, for every presentity of the server (the engine picks its own). Endless. */
  watchClients(signal: AbortSignal): AsyncIterable<ClientChange>;
  /** Names presentities that the engine serves, for sources that must ask for each; more may be named at any time. */
  follow?(presentities: Iterable<PresentityId>): void;
}
