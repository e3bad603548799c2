import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseMember, type PoolMember, planMove } from "../../src/core/server-pool.ts";

const member = (name: string, load = 0, rest: Partial<PoolMember> = {}): PoolMember => ({
  name,
  load,
  weight: 1,
  isInService: true,
  ...rest,
});

const pool = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 8 }).chain((names) =>
  fc.tuple(
    ...names.map((name) =>
      fc.record({
        name: fc.constant(`cas${name}`),
        load: fc.nat(6000),
        weight: fc.integer({ min: 1, max: 5 }),
        isInService: fc.boolean(),
      }),
    ),
  ),
);

/** The members after the mailbox, or many, have gone where they were sent. */
const withLoads = (members: readonly PoolMember[], change: Readonly<Record<string, number>>): readonly PoolMember[] =>
  members.map((each) => ({ ...each, load: each.load + (change[each.name] ?? 0) }));

describe("chooseMember", () => {
  it("[B1] gives new mailboxes to the servers of the pool in turn", () => {
    let members: readonly PoolMember[] = [member("a"), member("b"), member("c")];
    const chosen = Array.from({ length: 7 }, () => {
      const name = chooseMember(members)?.name ?? "";
      members = withLoads(members, { [name]: 1 });
      return name;
    });
    expect(chosen).toEqual(["a", "b", "c", "a", "b", "c", "a"]);
  });

  it("[B1] gives a server of twice the weight twice the mailboxes", () => {
    let members: readonly PoolMember[] = [member("a"), member("b", 0, { weight: 2 })];
    for (let mailbox = 0; mailbox < 300; mailbox++)
      members = withLoads(members, { [chooseMember(members)?.name ?? ""]: 1 });
    expect(members.map(({ load }) => load)).toEqual([100, 200]);
  });

  it("[B3] never chooses the server that just failed unless it is the only one", () => {
    expect(chooseMember([member("a"), member("b", 5000)], "a")?.name).toBe("b");
    expect(chooseMember([member("a")], "a")?.name).toBe("a");
    expect(chooseMember([member("a"), member("b", 0, { isInService: false })], "a")?.name).toBe("b");
  });

  it("[B1] gives nothing to a server out of service while another serves", () => {
    fc.assert(
      fc.property(pool, (members) => {
        const chosen = chooseMember(members);
        expect(chosen?.isInService).toBe(members.some(({ isInService }) => isInService));
      }),
    );
  });

  it("knows of no server in an empty pool", () => {
    expect(chooseMember([])).toBeUndefined();
  });
});

describe("planMove", () => {
  const settle = (given: readonly PoolMember[]): { members: readonly PoolMember[]; moves: number } => {
    let members = given;
    for (let moves = 0; ; moves++) {
      const move = planMove(members);
      if (!move) return { members, moves };
      members = withLoads(members, { [move.from]: -move.count, [move.to]: move.count });
    }
  };

  it("[B2] lets an even spread be, and a pool of one", () => {
    expect(planMove([member("a", 5000), member("b", 5001), member("c", 4999)])).toBeUndefined();
    expect(planMove([member("a", 1000), member("b", 960)])).toBeUndefined();
    expect(planMove([member("a", 5000)])).toBeUndefined();
    expect(planMove([member("a", 5000), member("b", 0, { isInService: false })])).toBeUndefined();
  });

  it("[B2] fills a server that came back from an outage, in as many moves as servers gave", () => {
    const { members, moves } = settle([member("a", 7500), member("b", 7500), member("c", 0)]);
    expect(members.map(({ load }) => load)).toEqual([5000, 5000, 5000]);
    expect(moves).toBe(2);
  });

  it("ends for every pool with servers in service within a twentieth of their share, and loses no mailbox", () => {
    fc.assert(
      fc.property(pool, (given) => {
        const { members } = settle(given);
        const sum = (of: readonly PoolMember[]): number => of.reduce((total, { load }) => total + load, 0);
        expect(sum(members)).toBe(sum(given));
        const serving = members.filter(({ isInService }) => isInService);
        const weight = serving.reduce((total, each) => total + each.weight, 0);
        for (const each of serving) {
          const share = (sum(serving) * each.weight) / weight;
          expect(each.load).toBeGreaterThanOrEqual(Math.floor(share * 0.95) - serving.length);
        }
        expect(members.filter(({ isInService }) => !isInService)).toEqual(
          given.filter(({ isInService }) => !isInService),
        );
      }),
    );
  });
});
