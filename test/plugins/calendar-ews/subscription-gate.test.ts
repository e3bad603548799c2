import { describe, expect, it } from "vitest";
import { SubscriptionGate } from "../../../plugins/calendar-ews/subscription-gate.ts";
import { hours, type Instant, instant, minutes, plus } from "../../../src/lib/time.ts";

const NOW = instant(1_000_000_000);

const isOpen = (gate: SubscriptionGate, now: Instant): boolean => {
  try {
    gate.check(now);
    return true;
  } catch {
    return false;
  }
};

describe("[H4] after a refused subscription", () => {
  it.each([
    ["14.1.218", false],
    ["14.2.247", false],
    ["14.2.318", true],
    ["14.3.123", true],
    ["15.0.847", true],
    ["15.2.2562", true],
    ["8.3.83", true],
    ["nonsense", true],
    [undefined, true],
  ])("others are asked for on where the limit is of the mailbox (%s: %s)", (version, expected) => {
    const gate = new SubscriptionGate("mail");
    gate.refused(NOW, version);
    expect(isOpen(gate, NOW)).toBe(expected);
  });

  it("an account's is tried again after half an hour, then ever more rarely, and refusals at one time count once", () => {
    const gate = new SubscriptionGate("mail");
    const rests: number[] = [];
    for (let [now, round] = [NOW, 0]; round < 6; round++) {
      gate.refused(now, "14.1.218");
      gate.refused(now, "14.1.218");
      const start = now;
      while (!isOpen(gate, now)) now = plus(now, minutes(1));
      rests.push((now - start) / minutes(1));
    }
    expect(rests).toEqual([30, 60, 120, 240, 240, 240]);
    gate.accepted();
    gate.refused(plus(NOW, hours(100)), "14.1.218");
    expect(() => gate.check(plus(NOW, hours(100)))).toThrow(/no subscription left, and asks for more in/);
    expect(isOpen(gate, plus(NOW, hours(100.5)))).toBe(true);
  });

  it("nothing is held up for ever when the clock is set back", () => {
    const gate = new SubscriptionGate("mail");
    gate.refused(NOW, "14.1.218");
    expect(isOpen(gate, plus(NOW, -hours(5)))).toBe(true);
  });
});
