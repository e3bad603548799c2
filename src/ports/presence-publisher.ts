import type { PresentityId, SipAor } from "../core/addresses.ts";
import type { PresenceDocument } from "../core/presence.ts";
import type { Instant, Milliseconds } from "../lib/time.ts";
import type { FollowedPresentity } from "./client-presence-source.ts";
import type { Plugin } from "./plugin.ts";

/** One document on its way to one publisher. */
export interface Publication {
  readonly presentity: PresentityId;
  readonly document: PresenceDocument;
  /** BCP 47 tag for the gateway's own texts. */
  readonly locale: string;
  /** Whose publication it is, for publishers with SIP addresses; always there for those. */
  readonly sip?: SipAor | undefined;
}

/** One thing that a publisher says of its work to an administrator, from memory and without secrets. */
export type PublisherDetail = readonly [name: string, value: string | { readonly at: Instant }];

/** What the server said. */
export interface PublishReceipt {
  /** Kept in the journal and given back; for SIP the entity tag. */
  readonly tag?: string | undefined;
}

/** Where composed documents go. */
export interface PresencePublisher extends Plugin {
  /** Stable name of this publisher in the journal. */
  readonly name: string;
  readonly capabilities: {
    readonly addressType: "jid" | "sip";
    readonly isSoftState: boolean;
    readonly carries: ReadonlySet<"show" | "activity" | "note" | "until">;
    /** Publications that may be under way at once. */
    readonly window: number;
    /** How long the server keeps what is published, where it ends by itself: what lasts longer is sent again in time. */
    readonly lifetime?: Milliseconds;
  };
  /** The document as far as this publisher shows it: equal reductions are not published again. Pure. */
  reduce(document: PresenceDocument): PresenceDocument;
  /** Idempotent: publishing the same document twice does no harm. */
  publish(publication: Publication, signal: AbortSignal): Promise<PublishReceipt>;
  /** Takes back whatever this gateway published for the presentity. */
  retract(publication: Publication, signal: AbortSignal): Promise<void>;
  /** What the publisher knows of one presentity's publication, or of all its work together; empty: nothing. */
  describe?(presentity?: PresentityId): readonly PublisherDetail[];
  /** Names presentities that the gateway serves, whether there is anything to show of them or not; before `start`, and later. */
  follow?(presentities: Iterable<FollowedPresentity>): void;
  /** Names one that the gateway serves no more. */
  unfollow?(presentity: PresentityId): void;
  /** Called after several publications in a row: what was kept to be sent together is sent now. */
  flush?(): void;
  /**
   * Names the place where published state lives, e.g. one run of a server. When it differs from the one at the time of
   * publishing, that state is gone and must be published again. `undefined`: not known (yet); nothing is published then.
   */
  epoch(): string | undefined;
  /** Yields after every change of the epoch. */
  watchEpoch(signal: AbortSignal): AsyncIterable<string | undefined>;
}
