import type { Mailbox, PresentityId } from "../core/addresses.ts";
import type { AuditEntry, User } from "./registry.ts";

/** A user who comes from a directory, and what the directory gave last. */
export interface DirectoryUser {
  readonly presentity: PresentityId;
  /** The directory's name. */
  readonly directory: string;
  readonly key: string;
  readonly mailbox: Mailbox;
  readonly gateway: string;
  readonly locale?: string;
}

/** One thing that a directory does to a user; not done to one who was changed since `before` was read. */
export type DirectoryStep =
  | { readonly kind: "add"; readonly user: User; readonly given: DirectoryUser }
  | { readonly kind: "change"; readonly before: User; readonly user: User; readonly given: DirectoryUser }
  | { readonly kind: "remove"; readonly before: User };

/** Which users come from a directory. A user who is not among them was made by hand. */
export interface DirectoryUsers {
  list(): Promise<readonly DirectoryUser[]>;
  find(presentity: PresentityId): Promise<DirectoryUser | undefined>;
  /** Does all steps in one transaction, each with its audit line; returns those that were done. Rejects with GatewayError (`store-…`). */
  apply(steps: readonly DirectoryStep[], audit: (step: DirectoryStep) => AuditEntry): Promise<readonly DirectoryStep[]>;
}
