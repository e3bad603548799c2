import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { actorOf, createCommandStage } from "../admin/command-stage.ts";

const guide = readFileSync(join(import.meta.dirname, "../../docs/USERS.md"), "utf8");

/** What stands in code in the first column of a table, or alone in a block. */
const COMMANDS_WRITTEN = [
  ...[...guide.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)]),
  ...guide.matchAll(/^```\n(.+)\n```$/gm),
].map(([, text = ""]) => text);

describe("the guide for users", () => {
  it("shows every command that users have", () => {
    const names = COMMANDS.filter(({ who }) => who === "user").map(({ name }) => name);
    for (const name of names)
      expect([name, guide.includes(`\`${name}`) || guide.includes(`\n${name}\n`)]).toEqual([name, true]);
  });

  it.each(COMMANDS_WRITTEN)("shows a command as it is typed: %s", async (text) => {
    const stage = createCommandStage();
    await stage.seed("alice@example.com");
    const alice = actorOf("alice@example.com", "user");
    expect(await stage.say(text, alice)).not.toMatch(/command-|no time|no such|can be set/);
  });

  it("shows as many as it should", () => {
    expect(COMMANDS_WRITTEN.length).toBeGreaterThan(15);
  });
});
