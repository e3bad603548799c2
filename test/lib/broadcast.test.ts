import { describe, expect, it } from "vitest";
import { Broadcast } from "../../src/lib/broadcast.ts";

const STOP = new Error("stop");

describe("what is told to everybody", () => {
  it("is heard by each reader from its first `next` on, after what there was then", async () => {
    const told = new Broadcast<string | undefined>();
    const { signal } = new AbortController();
    let present = "early";
    const reader = told.read(() => [present], signal);
    told.push("missed");
    present = "present";
    const first = reader.next();
    const other = told.read(() => [], signal);
    const otherFirst = other.next();
    told.push(undefined);
    told.push("last");
    expect([(await first).value, (await reader.next()).value, (await reader.next()).value]).toEqual([
      "present",
      undefined,
      "last",
    ]);
    expect([(await otherFirst).value, (await other.next()).value]).toEqual([undefined, "last"]);
    await reader.return();
    told.push("after");
    expect((await other.next()).value).toBe("after");
    expect((await reader.next()).done).toBe(true);
  });

  it("ends with the reason of the reader's own signal", async () => {
    const told = new Broadcast<number>();
    const control = new AbortController();
    const next = told.read(() => [], control.signal).next();
    const other = told.read(() => [1], new AbortController().signal);
    control.abort(STOP);
    await expect(next).rejects.toBe(STOP);
    expect((await other.next()).value).toBe(1);
  });
});
