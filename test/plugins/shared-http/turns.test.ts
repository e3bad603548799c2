import { describe, expect, it } from "vitest";
import { Turns } from "../../../plugins/shared-http/turns.ts";
import { settle } from "../../doubles/fake-clock.ts";

/** Tasks that run until they are told to end. */
const createTasks = () => {
  const ends: (() => void)[] = [];
  const task = (): Promise<void> => new Promise((resolve) => ends.push(resolve));
  return { ends, task };
};

const { signal } = new AbortController();

describe("turns", () => {
  it("let as many tasks run as the limit says, as it changes, in order", async () => {
    let limit = 2;
    const turns = new Turns(() => limit);
    const { ends, task } = createTasks();
    const all = [1, 2, 3, 4, 5].map(() => turns.run(task, signal));
    await settle();
    expect(turns.load).toEqual({ running: 2, waiting: 3 });
    limit = 3;
    ends[0]?.();
    await settle();
    expect(turns.load).toEqual({ running: 3, waiting: 1 });
    limit = 0; // never less than one
    for (const end of ends) end();
    await settle();
    expect(turns.load).toEqual({ running: 1, waiting: 0 });
    for (const end of ends) end();
    await Promise.all(all);
    expect(turns.load).toEqual({ running: 0, waiting: 0 });
  });

  it("are given up by one that waits when its signal aborts, and go on after a task that fails", async () => {
    const turns = new Turns(() => 1);
    const { ends, task } = createTasks();
    const first = turns.run(async () => {
      await task();
      throw new Error("failed");
    }, signal);
    const cancelled = new AbortController();
    const second = turns.run(task, cancelled.signal);
    const third = turns.run(async () => "done", signal);
    await settle();
    cancelled.abort("enough");
    await expect(second).rejects.toBe("enough");
    for (const end of ends) end();
    await expect(first).rejects.toThrow("failed");
    expect(await third).toBe("done");
  });
});
