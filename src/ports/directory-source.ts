import type { Mailbox, PresentityId } from "../core/addresses.ts";
import type { Plugin } from "./plugin.ts";

/** A person as the directory has them. */
export interface DirectoryEntry {
  /** Stays the same when everything else of the person changes. */
  readonly key: string;
  /** For people: the distinguished name. */
  readonly name: string;
  readonly presentity?: PresentityId;
  readonly mailbox?: Mailbox;
  /** The user principal name, lower case. */
  readonly principal?: string;
  /** BCP 47: what the person prefers. */
  readonly language?: string;
  /** Place (from 0) of the first template that is for this person; absent: none is. */
  readonly template?: number;
  /** Another one once the entry has changed, where the directory tells. */
  readonly stamp?: string;
  /** Why there is no JID or mailbox, in words. */
  readonly problem?: string;
}

/** Everybody whom the directory has, at one time. */
export interface DirectoryListing {
  readonly entries: ReadonlyMap<string, DirectoryEntry>;
  /** What the next reading begins at; absent: it has to be a full one. */
  readonly mark?: string;
  /** Whether all was read, not only what had changed. */
  readonly isFull: boolean;
}

/** Where users come from beside commands. */
export interface DirectorySource extends Plugin {
  /**
   * Everybody, at once. With the listing before, only what has changed since is read, where the directory can tell.
   * Rejects (GatewayError) unless all was heard to the end: whoever is missing in a listing has left.
   */
  read(before: DirectoryListing | undefined, signal: AbortSignal): Promise<DirectoryListing>;
}
