import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LOCAL_ADMINISTRATOR } from "../../src/admin/command.ts";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { drawPieces } from "../../src/admin/draw-progress.ts";
import { drawError } from "../../src/admin/draw-text.ts";
import { runCommandLine } from "../../src/admin/run-command-line.ts";
import { parseMailbox } from "../../src/core/addresses.ts";
import { GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import { createDirectoryStage } from "../engine/directories/directory-stage.ts";
import { createCommandStage } from "./command-stage.ts";

let stage: Awaited<ReturnType<typeof createDirectoryStage>>;
beforeEach(async () => {
  stage = await createDirectoryStage([{ isEnabled: true, locale: "de-AT" }, { isEnabled: false }]);
});
afterEach(() => stage.end());

/** The whole answer, or the error. */
async function say(
  text: string,
  directories: readonly (typeof stage.sync)[] | undefined = [stage.sync],
): Promise<string> {
  const { services } = createCommandStage();
  const context = { ...services, ...(directories && { directories }), commands: COMMANDS, actor: LOCAL_ADMINISTRATOR };
  const lines: string[] = [];
  try {
    const pieces = drawPieces(await runCommandLine(context, text, new AbortController().signal));
    for (;;) {
      const { done, value } = await pieces.next();
      lines.push(done ? value.text : value);
      if (done) return lines.join("\n");
    }
  } catch (error) {
    return drawError(toGatewayError(error));
  }
}

describe("directory sync", () => {
  it("synchronises and says what was done", async () => {
    stage.source.fill("alice", "bob");
    expect(await say("directory sync")).toBe(
      ["hq: reading…", "hq: 2 people; 2 added, 0 changed, 0 removed (all read, 0.0 s)", "Done."].join("\n"),
    );
    expect(await say("directory sync hq full=yes")).toContain("0 added, 0 changed, 0 removed (all read");
  });

  it("says that the filter matches nobody, or that no template is for anybody", async () => {
    expect(await say("directory sync")).toContain("hq: nobody matches the filter below the base; 0 added");
    stage.source.fill("alice");
    stage.source.entries = stage.source.entries.map((entry) => ({ ...entry, template: 1 }));
    expect(await say("directory sync")).toContain("hq: 1 person, none of them enabled by a template; 0 added");
  });

  it("says how to go on where so many would be removed, and removes them when told so", async () => {
    stage.source.fill("alice");
    await say("directory sync");
    stage.source.fill();
    expect(await say("directory sync hq")).toContain("directory sync hq confirm=1");
    expect(await say("directory sync hq confirm=1")).toContain("1 removed");
    expect(await say("directory sync confirm=1")).toContain("Say which directory");
  });

  it("fails with the directory's error, and says that nobody is removed", async () => {
    stage.source.failure = new GatewayError("dc1: the login failed", { type: "auth", code: "ldap-login" });
    expect(await say("directory sync hq")).toContain(
      "hq: failed, nobody is removed: dc1: the login failed (ldap-login)",
    );
  });

  it("names the directories there are, or why there is none", async () => {
    expect(await say("directory sync hp")).toContain("There is no directory named hp");
    expect(await say("directory sync", [])).toContain("No directory is configured");
    const { say: sayStopped } = createCommandStage({ isRunning: false });
    expect(await sayStopped("directory status")).toContain("not running");
  });
});

describe("user show", () => {
  it("says from which directory a user comes", async () => {
    stage.source.fill("alice");
    await say("directory sync");
    const { registry } = stage.store;
    const services = { ...createCommandStage().services, registry, directoryUsers: stage.store.directoryUsers };
    const context = { ...services, actor: LOCAL_ADMINISTRATOR };
    const shown = await runCommandLine(context, "user show alice@example.com", new AbortController().signal);
    expect(shown).toMatchObject({ kind: "fields", fields: expect.arrayContaining([["from", "the directory hq"]]) });
  });
});

describe("directory status, show and mismatches", () => {
  it("show the condition, the last synchronisation and the templates", async () => {
    expect(await say("directory status")).toContain("none yet");
    stage.source.fill("alice");
    await say("directory sync");
    expect(await say("directory status")).toContain("1 person; 1 added");
    const shown = await say("directory show hq");
    expect(shown).toContain("enabled, gateway (the only one), locale de-AT");
    expect(shown).toContain("every 60 minutes");
  });

  it("[R10] list whose JID, mailbox and user principal name differ, and who cannot be a user", async () => {
    stage.source.fill("alice", "bob");
    const [alice, bob] = stage.source.entries;
    if (!alice || !bob) throw new Error("nobody is there");
    const { mailbox: _, ...without } = bob;
    const principal = "alice@corp.example.com";
    stage.source.entries = [
      { ...alice, mailbox: parseMailbox("alice.b@example.com"), principal },
      { ...without, problem: "has no mailbox: an attribute is missing" },
    ];
    await say("directory sync");
    const text = await say("directory mismatches hq");
    for (const part of ["alice@example.com", "alice.b@example.com", principal, "JID, mailbox, UPN are not the same"])
      expect(text).toContain(part);
    expect(text).toContain("has no mailbox");
    expect(await say("directory mismatches limit=1")).toContain("1 more");
  });
});
