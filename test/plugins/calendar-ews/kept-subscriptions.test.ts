import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type KeptSubscription,
  KeptSubscriptions,
} from "../../../plugins/calendar-ews/notifications/kept-subscriptions.ts";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, plus } from "../../../src/lib/time.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { createTestRuntime, MONDAY_MORNING } from "../../doubles/test-runtime.ts";

const mailbox = (name: string): Mailbox => parseMailbox(`${name}@example.com`);
const [ALICE, BOB, CAROL] = [mailbox("alice"), mailbox("bob"), mailbox("carol")];
const COOKIE = "X-BackEndOverrideCookie=s1~1";

const kept = (id: string, of: Mailbox, change: Partial<KeptSubscription> = {}): KeptSubscription => ({
  id,
  kind: "streaming",
  mailbox: of,
  anchor: ALICE,
  cookies: COOKIE,
  ...change,
});

/** A run of the program with that memory; `refuses` makes the server refuse to end anything. */
function start(memory = new TestMemory(), host = "mail.example.com", now = MONDAY_MORNING) {
  const { clock } = createTestRuntime(now);
  const ended: string[] = [];
  const server = { refuses: false };
  const unsubscribe = async ({ id }: KeptSubscription): Promise<void> => {
    if (server.refuses) throw new Error("away");
    ended.push(id);
  };
  return { memory, clock, ended, server, all: new KeptSubscriptions({ host, memory, clock, unsubscribe }) };
}

describe("subscriptions that an earlier run left", () => {
  it("are taken up where they share a server; the mailboxes' others are ended", async () => {
    const before = start();
    before.all.put(kept("1", ALICE));
    before.all.put(kept("2", BOB));
    before.all.put(kept("3", BOB));
    before.all.put(kept("4", CAROL, { cookies: "X-BackEndOverrideCookie=s2~1" }));
    before.all.put(kept("5", CAROL, { kind: "push" }));
    before.all.put(kept("6", mailbox("dave")));
    const { all, ended, memory } = start(before.memory);
    expect(all.take([ALICE, BOB, CAROL], "streaming").map(({ id }) => id)).toEqual(["1", "2"]);
    await settle();
    expect(ended.sort()).toEqual(["3", "4", "5"]);
    expect([...memory.kept.keys()]).toEqual(["1", "2", "6"]);
    expect(all.take([ALICE, BOB, CAROL], "streaming")).toEqual([]);
  });

  it("are ended, not taken up, by another way", async () => {
    const before = start();
    before.all.put(kept("1", ALICE));
    const { all, ended } = start(before.memory);
    expect(all.take([ALICE], "push")).toEqual([]);
    await settle();
    expect(ended).toEqual(["1"]);
  });

  it("are ended after five minutes when nobody wants them, and that is tried until the server confirms it", async () => {
    const before = start();
    before.all.put(kept("1", ALICE));
    const { clock, ended, server, memory } = start(before.memory);
    server.refuses = true;
    await clock.advance(minutes(12));
    expect(memory.kept.size).toBe(1);
    server.refuses = false;
    await clock.advance(minutes(5));
    expect(ended).toEqual(["1"]);
    expect(memory.kept.size).toBe(0);
  });

  it("are nothing to take up again once a group has given them up", async () => {
    const before = start();
    before.all.put(kept("1", ALICE));
    const { all, ended } = start(before.memory);
    for (const each of all.take([ALICE], "streaming")) all.release(each);
    expect(all.take([ALICE], "streaming")).toEqual([]);
    await settle();
    expect(ended).toEqual(["1"]);
  });

  it("of another server are that one's, until they must have expired there", async () => {
    const before = start();
    before.all.put(kept("1", ALICE));
    expect(start(before.memory, "other.example.com").all.idle).toBe(0);
    expect(before.memory.kept.size).toBe(1);
    const later = plus(before.clock.now(), hours(49));
    expect(start(before.memory, "other.example.com", later).all.idle).toBe(0);
    expect(before.memory.kept.size).toBe(0);
  });
});

describe("what is remembered", () => {
  it("has affinity cookies only", () => {
    const { all, memory } = start();
    all.put(kept("1", ALICE, { cookies: `session=secret; ${COOKIE}; exchangecookie=abc; X-Other=1` }));
    expect([...memory.kept.values()].join()).not.toMatch(/secret|X-Other/);
    expect(start(memory).all.take([ALICE], "streaming")[0]?.cookies).toBe(`${COOKIE}; exchangecookie=abc`);
  });

  it("may be anything: what cannot be read is forgotten", () => {
    const text = fc.oneof(fc.string(), fc.json());
    fc.assert(
      fc.property(text, (value) => {
        const memory = new TestMemory();
        memory.put("1", value);
        const { all } = start(memory);
        all.close();
        expect(all.idle).toBe(memory.kept.size);
      }),
    );
  });
});
