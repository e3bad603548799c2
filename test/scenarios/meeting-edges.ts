import type { PresentityId } from "../../src/core/addresses.ts";
import { type Instant, minutes, plus } from "../../src/lib/time.ts";
import type { PresencePublisher, Publication } from "../../src/ports/presence-publisher.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { Mailbox } from "../doubles/exchange/mailbox.ts";

/** An edge may be shown so much later, in milliseconds. */
const TOLERANCE = 2000;
/** One meeting of a user lies in one slot, so that no two meet. */
const SLOT = minutes(20);
const LENGTH = minutes(10);

interface Edge {
  readonly at: Instant;
  readonly isBeginning: boolean;
}

/** What is wrong with what was shown: edges of meetings that were not, and those that were without a meeting. */
export interface EdgeReport {
  readonly expected: number;
  readonly lost: number;
  readonly invented: number;
}

/** The meetings of all users as they truly are, and a publisher that notes when each was shown to begin and end. */
export class MeetingEdges {
  readonly #clock: Clock;
  readonly #planned = new Map<string, Map<number, { readonly id: string; readonly start: Instant }>>();
  readonly #shown = new Map<string, Edge[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a meeting in the slot that begins soon after `from`, `offset` into it; does nothing when there is one. */
  add(mailbox: Mailbox, from: Instant, offset: number): void {
    const slot = Math.ceil(from / SLOT);
    const ofUser = this.#planned.get(mailbox.smtp) ?? new Map();
    if (ofUser.has(slot)) return;
    const start = plus(plus(this.#clock.now(), slot * SLOT - this.#clock.now()), offset);
    const id = mailbox.addMeeting({ start, end: plus(start, LENGTH), status: "busy" });
    this.#planned.set(mailbox.smtp, ofUser.set(slot, { id, start }));
  }

  /** Cancels one of the user's meetings that begin after `from`; false when there is none. */
  cancel(mailbox: Mailbox, from: Instant): boolean {
    for (const [slot, { id, start }] of this.#planned.get(mailbox.smtp) ?? []) {
      if (start <= from) continue;
      mailbox.removeMeeting(id);
      this.#planned.get(mailbox.smtp)?.delete(slot);
      return true;
    }
    return false;
  }

  /** Compares all edges in the time given, those at its very end left out. */
  report(since: Instant, until: Instant): EdgeReport {
    const isWithin = ({ at }: Edge): boolean => at >= since && at < until - TOLERANCE;
    let [expected, lost, invented] = [0, 0, 0];
    for (const user of new Set([...this.#planned.keys(), ...this.#shown.keys()])) {
      const planned = [...(this.#planned.get(user)?.values() ?? [])].flatMap(edgesOf);
      const shown = this.#shown.get(user) ?? [];
      expected += planned.filter(isWithin).length;
      lost += planned.filter((edge) => isWithin(edge) && !shown.some((each) => isOf(each, edge))).length;
      invented += shown.filter((edge) => isWithin(edge) && !planned.some((each) => isOf(edge, each))).length;
    }
    return { expected, lost, invented };
  }

  /** Where the gateway shows what it makes of it all. */
  get publisher(): PresencePublisher {
    return {
      name: "edges",
      capabilities: { addressType: "jid", isSoftState: false, carries: new Set(["show", "activity"]), window: 1000 },
      start: async () => undefined,
      stop: async () => undefined,
      health: () => ({ state: "ok" }),
      reduce: ({ show, source, activity }) =>
        activity ? { show, source, activity } : { show: "unavailable", source: "client" },
      publish: async (publication) => this.#note(publication),
      retract: async (publication) => void this.#note(publication),
      epoch: () => "run",
      watchEpoch: async function* (signal) {
        yield "run";
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    };
  }

  #note({ presentity, document }: Publication): object {
    const edges = this.#shown.get(presentity) ?? [];
    const isBeginning = document.activity !== undefined;
    if (isBeginning !== (edges.at(-1)?.isBeginning ?? false)) edges.push({ at: this.#clock.now(), isBeginning });
    this.#shown.set(presentity, edges);
    return {};
  }
}

const edgesOf = ({ start }: { readonly start: Instant }): readonly Edge[] => [
  { at: start, isBeginning: true },
  { at: plus(start, LENGTH), isBeginning: false },
];

const isOf = (shown: Edge, planned: Edge): boolean =>
  shown.isBeginning === planned.isBeginning && shown.at >= planned.at && shown.at <= planned.at + TOLERANCE;

/** A client of everybody, without which no calendar is shown. */
export const onlineAt = (presentity: PresentityId, since: Instant) =>
  ({
    kind: "present",
    presentity,
    presence: { resource: "pc", show: "available", priority: 0, status: {}, since },
  }) as const;
