import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PresentityId } from "../../src/core/addresses.ts";
import { IN_A_MEETING, type PresenceDocument } from "../../src/core/presence.ts";
import { hours, plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { PresencePublisher, Publication } from "../../src/ports/presence-publisher.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";

/** One server under test, with what the suite must be able to do to it. Its time stands still at MONDAY_MORNING. */
export interface PresencePublisherHarness {
  readonly user: PresentityId;
  /** An address that the server does not know. */
  readonly unknown: PresentityId;
  /** A new publisher for the server, not started. */
  createPublisher(): PresencePublisher;
  /** What watchers are shown of the user, in any form: equal when they see the same. */
  shown(): string;
  /** From now on the server takes requests and never answers. */
  hang(): void;
  /** Resolves when the server has a request that it does not answer. */
  untilHanging(): Promise<void>;
  /** The server goes away, and does not come back. */
  loseServer(): Promise<void>;
  end(): Promise<void>;
}

/** In a meeting until ten. */
export const MEETING: PresenceDocument = {
  show: "dnd",
  source: "calendar",
  text: "in-a-meeting",
  activity: IN_A_MEETING,
  until: plus(MONDAY_MORNING, hours(1)),
};
const FREE: PresenceDocument = { show: "available", source: "client" };
/** Documents of every kind that composition makes. */
const DOCUMENTS: readonly PresenceDocument[] = [
  MEETING,
  FREE,
  { show: "unavailable", source: "client" },
  { show: "dnd", source: "client", activity: IN_A_MEETING, until: plus(MONDAY_MORNING, hours(1)) },
  { show: "away", source: "calendar", text: "out-of-office", note: { de: "Urlaub" } },
  { show: "dnd", source: "phone", text: "on-the-phone" },
  { show: "away", source: "override", note: { "": "back soon" } },
];

/** What every publisher promises beyond its types (docs/PLUGINS.md). */
export function describePresencePublisher(name: string, setUp: () => Promise<PresencePublisherHarness>): void {
  describe(`the contract of a presence publisher, kept by ${name}`, () => {
    let harness: PresencePublisherHarness;
    const publishers: PresencePublisher[] = [];
    const lifetime = new AbortController();

    beforeEach(async () => {
      harness = await setUp();
    });
    afterEach(async () => {
      await Promise.all(publishers.splice(0).map((publisher) => publisher.stop()));
      await harness.end();
    });

    const create = (): PresencePublisher => {
      const publisher = harness.createPublisher();
      publishers.push(publisher);
      return publisher;
    };
    const start = async (): Promise<PresencePublisher> => {
      const publisher = create();
      await publisher.start(lifetime.signal);
      await expect.poll(() => publisher.epoch(), { timeout: 10_000 }).not.toBeUndefined();
      return publisher;
    };
    const of = (document: PresenceDocument, presentity = harness.user): Publication => ({
      presentity,
      document,
      locale: "de",
    });

    it("only wires when created: no epoch, stopped, and stop is harmless", async () => {
      const publisher = create();
      expect(publisher.epoch()).toBeUndefined();
      expect(publisher.health().state).toBe("stopped");
      await publisher.stop();
      await publisher.stop();
    });

    it("rejects start with the signal's reason when it has aborted", async () => {
      const publisher = create();
      await expect(publisher.start(AbortSignal.abort(new Error("not now")))).rejects.toThrow("not now");
      await publisher.stop();
    });

    it("reduces every document to one that reduces to itself", async () => {
      const publisher = create();
      for (const document of DOCUMENTS) {
        const reduced = publisher.reduce(document);
        expect(publisher.reduce(reduced)).toEqual(reduced);
      }
    });

    it("shows the same for a document and for its reduction", async () => {
      const publisher = await start();
      for (const document of DOCUMENTS) {
        await publisher.publish(of(document), lifetime.signal);
        const shown = harness.shown();
        await publisher.publish(of(publisher.reduce(document)), lifetime.signal);
        expect(harness.shown()).toBe(shown);
      }
    });

    it("publishes idempotently, and shows a difference where reductions differ", async () => {
      const publisher = await start();
      await publisher.publish(of(MEETING), lifetime.signal);
      const shown = harness.shown();
      await publisher.publish(of(MEETING), lifetime.signal);
      expect(harness.shown()).toBe(shown);
      await publisher.publish(of(FREE), lifetime.signal);
      expect(harness.shown()).not.toBe(shown);
    });

    it("takes back what it published, also what it never did", async () => {
      const publisher = await start();
      await publisher.retract(of(MEETING), lifetime.signal);
      const nothing = harness.shown();
      await publisher.publish(of(MEETING), lifetime.signal);
      expect(harness.shown()).not.toBe(nothing);
      await publisher.retract(of(MEETING), lifetime.signal);
      expect(harness.shown()).toBe(nothing);
    });

    it("rejects a publication for somebody the server does not know with type cancel", async () => {
      const publisher = await start();
      const error = await publisher
        .publish(of(MEETING, harness.unknown), lifetime.signal)
        .catch((each: unknown) => each);
      expect(error).toBeInstanceOf(GatewayError);
      expect(error).toMatchObject({ type: "cancel" });
    });

    it("settles soon after the signal aborts, with its reason", async () => {
      const publisher = await start();
      harness.hang();
      const abort = new AbortController();
      const publishing = publisher.publish(of(MEETING), abort.signal);
      await harness.untilHanging();
      abort.abort(new Error("enough"));
      await expect(publishing).rejects.toThrow("enough");
    });

    it("yields each change of the epoch, rejects with type wait while the server is away, and forgets the epoch", async () => {
      const publisher = await start();
      const changes: (string | undefined)[] = [];
      const watching = (async () => {
        for await (const epoch of publisher.watchEpoch(lifetime.signal)) {
          changes.push(epoch);
          if (epoch === undefined) return;
        }
      })();
      await new Promise((resolve) => setImmediate(resolve));
      await harness.loseServer();
      await watching;
      expect(publisher.epoch()).toBeUndefined();
      const error = await publisher.publish(of(MEETING), lifetime.signal).catch((each: unknown) => each);
      expect(error).toBeInstanceOf(GatewayError);
      expect(error).toMatchObject({ type: "wait" });
    });

    it("lets two instances work side by side", async () => {
      const [first, second] = [await start(), await start()];
      await first.stop();
      await second.publish(of(MEETING), lifetime.signal);
      expect(first.epoch()).toBeUndefined();
      expect(second.epoch()).not.toBeUndefined();
    });
  });
}
