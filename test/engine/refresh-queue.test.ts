import { expect, it } from "vitest";
import { parseMailbox } from "../../src/core/addresses.ts";
import { RefreshQueue } from "../../src/engine/refresh-queue.ts";
import { minutes, plus, seconds } from "../../src/lib/time.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";

it("a change after a flood is due within 5 s, though the flood made batches for eight minutes of gathering", () => {
  const queue = new RefreshQueue(20);
  const take = (now = MONDAY_MORNING) =>
    queue.takeBatch(now, { limit: 20, fillUntil: now, isAlone: () => false })?.mailboxes ?? [];
  for (let user = 0; user < 2000; user++) queue.markChanged(parseMailbox(`user${user}@example.com`), MONDAY_MORNING);
  let batches = 0;
  while (take().length > 0) batches += 1;
  expect(batches).toBe(100);
  const later = plus(MONDAY_MORNING, seconds(1));
  queue.markChanged(parseMailbox("alice@example.com"), later);
  expect(queue.nextDue()).toBeLessThanOrEqual(plus(MONDAY_MORNING, seconds(5)));
  expect(take(plus(MONDAY_MORNING, seconds(5)))).toEqual(["alice@example.com"]);
  const quiet = plus(MONDAY_MORNING, minutes(1));
  queue.markChanged(parseMailbox("bob@example.com"), quiet);
  expect(queue.nextDue()).toBe(quiet);
});
