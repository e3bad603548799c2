import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { AbortListeners } from "../../src/ports/abort-listeners.ts";

describe("listeners on a shared signal", () => {
  it("are one on the signal, are all called, and are none when the last was taken away", () => {
    const { signal } = new AbortController();
    const listeners = new AbortListeners();
    const removals = Array.from({ length: 100 }, () => listeners.add(signal, () => undefined));
    expect(getEventListeners(signal, "abort").length).toBe(1);
    for (const remove of [...removals, ...removals]) remove();
    expect(getEventListeners(signal, "abort").length).toBe(0);
  });

  it("come back after they were gone", () => {
    const controller = new AbortController();
    const listeners = new AbortListeners();
    const removeFirst = listeners.add(controller.signal, () => undefined);
    removeFirst();
    let called = 0;
    listeners.add(controller.signal, () => called++);
    removeFirst();
    controller.abort();
    expect(called).toBe(1);
  });

  it("are not called when they were taken away while others were called", () => {
    const controller = new AbortController();
    const listeners = new AbortListeners();
    const called: string[] = [];
    listeners.add(controller.signal, () => {
      called.push("first");
      removeSecond();
    });
    const removeSecond = listeners.add(controller.signal, () => called.push("second"));
    listeners.add(controller.signal, () => called.push("third"));
    controller.abort();
    expect(called).toEqual(["first", "third"]);
  });
});
