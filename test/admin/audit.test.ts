import { describe, expect, it } from "vitest";
import { hours, minutes } from "../../src/lib/time.ts";
import { actorOf, createCommandStage } from "./command-stage.ts";

const CAROL = actorOf("carol@example.com", "admin");

/** Alice was enabled at 09:00, changed at 10:00, and bob was enabled at 10:30; it is 11:00. */
async function createAuditStage() {
  const stage = createCommandStage();
  await stage.seed();
  await stage.say("user enable alice@example.com", CAROL);
  await stage.runtime.clock.advance(hours(1));
  await stage.say("locale set alice@example.com de", CAROL);
  await stage.runtime.clock.advance(minutes(30));
  await stage.say("user enable bob@example.com", CAROL);
  await stage.runtime.clock.advance(minutes(30));
  return stage;
}

describe("audit by chat", () => {
  it.each([
    ["audit alice@example.com", ["10:00", "09:00"]],
    ["audit ALICE@example.com", ["10:00", "09:00"]],
    ["audit alice@example.com 90m", ["10:00"]],
    ["audit alice@example.com since 10:00", ["10:00"]],
    ["audit alice@example.com 2026-11-23", ["10:00", "09:00"]],
    ['audit alice@example.com since="3 hours ago"', ["10:00", "09:00"]],
    ["audit since=45m", ["10:30"]],
    ["audit", ["10:30", "10:00", "09:00"]],
  ])("%s", async (text, times) => {
    const { say } = await createAuditStage();
    const [, ...lines] = (await say(text, CAROL)).split("\n");
    expect(lines.map((line) => line.slice(11, 16))).toEqual(times);
  });

  it("says when there is nothing, or more than it shows", async () => {
    const { say } = await createAuditStage();
    expect(await say("audit alice@example.com 10m")).toBe(
      "The audit has nothing about alice@example.com since 2026-11-23 10:50:00 UTC.",
    );
    expect(await say("audit since=1d limit=2")).toMatch(/Warning: There are more: these are the newest 2\.$/);
    expect(await say("audit alice@example.com tomorrow")).toMatch(
      /since must be a moment that is past.*\[command-arguments\]/,
    );
  });

  it("is for administrators", async () => {
    const { say } = await createAuditStage();
    expect(await say("audit alice@example.com", actorOf("alice@example.com", "user"))).toMatch(/command-forbidden/);
  });
});
