import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PresentityId } from "../../src/core/addresses.ts";
import type { ClientChange, ClientPresenceSource } from "../../src/ports/client-presence-source.ts";

/** One server under test, with what the suite must be able to do to it. */
export interface ClientPresenceHarness {
  readonly user: PresentityId;
  /** What the source calls the client of this resource; absent: the resource. */
  nameOf?(resource: string): string;
  /** A new source for the server, not started, that hears what the server says from its start on. */
  createSource(): ClientPresenceSource;
  /** The user's client says it is away, with this note. */
  setAway(resource: string, note: string): Promise<void>;
  setOffline(resource: string): Promise<void>;
  /** The connection breaks and is made again; the server tells the presence of clients that are online. */
  reconnect(): Promise<void>;
  end(): Promise<void>;
}

/** What every source of client presence promises beyond its types (docs/PLUGINS.md). */
export function describeClientPresenceSource(name: string, setUp: () => Promise<ClientPresenceHarness>): void {
  describe(`the contract of a client presence source, kept by ${name}`, () => {
    let harness: ClientPresenceHarness;
    let lifetime: AbortController;
    const sources: ClientPresenceSource[] = [];

    beforeEach(async () => {
      lifetime = new AbortController();
      harness = await setUp();
    });
    afterEach(async () => {
      lifetime.abort();
      await Promise.all(sources.splice(0).map((source) => source.stop()));
      await harness.end();
    });

    const create = (): ClientPresenceSource => {
      const source = harness.createSource();
      sources.push(source);
      return source;
    };
    const start = async (): Promise<ClientPresenceSource> => {
      const source = create();
      await source.start(lifetime.signal);
      return source;
    };
    const watch = (source: ClientPresenceSource): ClientChange[] => {
      const changes: ClientChange[] = [];
      const watching = async (): Promise<void> => {
        for await (const change of source.watchClients(lifetime.signal)) changes.push(change);
      };
      watching().catch((error: unknown) => {
        if (!lifetime.signal.aborted) throw error;
      });
      return changes;
    };
    const kinds = (changes: readonly ClientChange[]): string[] => changes.map(({ kind }) => kind);
    const isAway = (change: ClientChange): boolean =>
      change.kind === "present" && change.presentity === harness.user && change.presence.show === "away";

    it("only wires when created, and stop is safe before start and twice", async () => {
      const source = create();
      expect(source.health().state).toBe("stopped");
      await source.stop();
      await source.stop();
    });

    it("rejects start with the signal's reason when it has aborted", async () => {
      await expect(create().start(AbortSignal.abort(new Error("not now")))).rejects.toThrow("not now");
    });

    it("tells each change once, in order", async () => {
      const changes = watch(await start());
      await harness.setAway("pc", "lunch");
      await harness.setAway("pc", "lunch");
      await harness.setAway("pc", "late lunch");
      await harness.setOffline("pc");
      await expect.poll(() => kinds(changes), { timeout: 10_000 }).toContain("gone");
      const told = changes.filter(({ kind }) => kind === "present" || kind === "gone");
      expect(kinds(told)).toEqual(["present", "present", "gone"]);
      const resource = harness.nameOf?.("pc") ?? "pc";
      expect(told[1]).toMatchObject({ presence: { resource, status: { "": "late lunch" } } });
      expect(told[2]).toEqual({ kind: "gone", presentity: harness.user, resource });
    });

    it("begins every watch with a reset and what is known", async () => {
      const source = await start();
      const early = watch(source);
      await harness.setAway("pc", "lunch");
      await expect.poll(() => early.some(isAway), { timeout: 10_000 }).toBe(true);
      const late = watch(source);
      await expect.poll(() => late.some(isAway), { timeout: 10_000 }).toBe(true);
      expect(late[0]).toEqual({ kind: "reset" });
    });

    it("tells of a new connection before it tells anything heard on it", async () => {
      const changes = watch(await start());
      await harness.setAway("pc", "lunch");
      await expect.poll(() => changes.some(isAway), { timeout: 10_000 }).toBe(true);
      const before = changes.length;
      await harness.reconnect();
      await expect.poll(() => changes.slice(before).some(isAway), { timeout: 10_000 }).toBe(true);
      const since = changes.slice(before);
      expect(kinds(since).indexOf("reset")).toBeGreaterThanOrEqual(0);
      expect(kinds(since).lastIndexOf("reset")).toBeLessThan(since.findIndex(isAway));
    });

    it("ends a watch with the signal's reason", async () => {
      const source = await start();
      const abort = new AbortController();
      const next = source.watchClients(abort.signal)[Symbol.asyncIterator]();
      await next.next();
      const waiting = (async () => {
        for (;;) if ((await next.next()).done) return;
      })();
      abort.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
    });
  });
}
