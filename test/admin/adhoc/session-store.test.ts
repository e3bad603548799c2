import { describe, expect, it } from "vitest";
import { SessionStore } from "../../../src/admin/adhoc/session-store.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { instant, minutes, plus } from "../../../src/lib/time.ts";

const NOW = instant(1_000_000_000);
const session = (id: string, person: string) => ({
  id,
  owner: `${person}/pc`,
  person: parsePresentityId(person),
  command: { node: "x", name: "x", who: "user" as const, steps: [], run: () => Promise.reject(new Error("never")) },
  entered: [],
  shown: { title: "", instructions: [], fields: [] },
  index: 0,
});

describe("sessions", () => {
  it("are at most 1,000 in all: the one that was used the longest ago makes way", () => {
    const store = new SessionStore();
    for (let count = 0; count <= 1000; count++) store.put(session(`s${count}`, `u${count}@example.com`), NOW);
    expect(store.find("s0", "u0@example.com/pc", NOW)).toBeUndefined();
    expect(store.find("s1", "u1@example.com/pc", NOW)).toMatchObject({ id: "s1" });
    expect(store.find("s1000", "u1000@example.com/pc", NOW)).toMatchObject({ id: "s1000" });
  });

  it("are kept by use, and end when the clock is set back", () => {
    const store = new SessionStore();
    store.put(session("a", "alice@example.com"), NOW);
    store.put(session("a", "alice@example.com"), plus(NOW, minutes(9)));
    expect(store.find("a", "alice@example.com/pc", plus(NOW, minutes(18)))).toMatchObject({ id: "a" });
    expect(store.find("a", "alice@example.com/pc", NOW)).toBe("expired");
    expect(store.find("a", "alice@example.com/pc", NOW)).toBeUndefined();
  });
});
