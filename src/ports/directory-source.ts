import type { Mailbox, PresentityId } from "../core/addresses.ts";
import type { Plugin } from "./plugin.ts";

/** A person who shall be enabled. */
interface DirectoryEntry {
  readonly presentity: PresentityId;
  readonly mailbox?: Mailbox;
  readonly gateway?: string;
  readonly locale?: string;
}

/** Where users come from beside chat commands. */
export interface DirectorySource extends Plugin {
  /** When complete, one that is missing has left. */
  readonly capabilities: { readonly isComplete: boolean };
  listEntries(signal: AbortSignal): AsyncIterable<DirectoryEntry>;
}
