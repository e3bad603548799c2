import type { Instant } from "../lib/time.ts";

/** A list of users that was read: what is known of it without its text. */
export interface UserImport {
  readonly id: number;
  /** For people: how many rows are new, changed, the same, wrong. */
  readonly summary: string;
  readonly readAt: Instant;
  /** An actor as in the audit. */
  readonly readBy: string;
  /** When it is applied by itself, and in whose name. */
  readonly due?: { readonly at: Instant; readonly by: string };
  /** Set once it is applied; its text is gone then. */
  readonly applied?: { readonly at: Instant; readonly outcome: string };
}

/** A list that is to be kept. */
export interface ReadImport extends Pick<UserImport, "summary" | "readAt" | "readBy"> {
  readonly text: string;
}

/** Lists of users between the dry run and their application; they outlive a restart. Rejects with GatewayError (`store-…`). */
export interface UserImports {
  /** Keeps the list and resolves with its id; lists that nobody applied go when they are old or too many. */
  keep(list: ReadImport): Promise<number>;
  /** With its text. */
  find(id: number): Promise<(UserImport & { readonly text: string }) | undefined>;
  /** Newest first. */
  list(): Promise<readonly UserImport[]>;
  schedule(id: number, due: { readonly at: Instant; readonly by: string }): Promise<void>;
  /** Notes that it is applied, forgets its text and that it was due. */
  recordApplied(id: number, applied: { readonly at: Instant; readonly outcome: string }): Promise<void>;
  delete(id: number): Promise<void>;
}
