import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GatewayProcess, prepareAlone } from "../../lab/gateway-process.ts";

const MAIN = fileURLToPath(new URL("../../../dist/src/main.js", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "presence-import-"));
const list = join(directory, "our users.csv");
const backup = join(directory, "backup.db");

let gateway: GatewayProcess;
beforeAll(async () => {
  gateway = await prepareAlone(directory, "example.test");
  // No calendar server has to answer: what is told of users is enough.
  await gateway.command("gateway add hq type=ews url=https://127.0.0.1:9/EWS/Exchange.asmx account=a password=abc");
  writeFileSync(
    list,
    "\uFEFFjid;enabled\r\nalice@example.test;yes\r\nbob@example.test;yes\r\nmallory@other.test;yes\r\n",
  );
});
afterAll(async () => {
  await gateway.end("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

/** `presence-gateway command user import -`. */
const importFromInput = (text: string): Promise<string> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, "command", "--config", gateway.configPath, "user", "import", "-"]);
    let said = "";
    child.stdout.on("data", (data: Buffer) => {
      said += data.toString();
    });
    child.on("close", () => resolve(said));
    child.stdin.end(text);
  });

describe("[U3] the program with a list of users", () => {
  it("reads it beside a stopped gateway, and ends with 1 where a row is wrong", async () => {
    const { code, text } = await gateway.invoke(["command", "user", "import", list]);
    expect(text).toMatch(
      /^3 rows: 2 new, 0 changed, 0 the same, 1 wrong\.\nWrong: line 4: The gateway does not serve other\.test/,
    );
    expect(code).toBe(1);
    expect(await gateway.invoke(["command", "user", "import", join(directory, "absent.csv")])).toMatchObject({
      code: 1,
      text: expect.stringContaining("list-unreadable"),
    });
  });

  it("[U4] applies it when its time has come, after a restart too", async () => {
    expect((await gateway.command("user import apply 1 at 1s")).text).toMatch(/Warning: The gateway is not running/);
    const applied = gateway.waitForLog("import.applied", 30_000);
    await gateway.start("gateway.starting");
    expect(await applied).toMatchObject({ import: 1, wrong: 1 });
    expect((await gateway.command("user list")).text).toMatch(/alice@example\.test[\s\S]*bob@example\.test/);
  });

  it("hands the standard input to the running gateway, and exports what it has imported", async () => {
    expect(await importFromInput("jid,locale\nalice@example.test,de\n")).toMatch(/^1 row: 0 new, 1 changed/);
    expect((await gateway.command("user import apply 2")).text).toMatch(/^Import 2 is applied/);
    const { text, code } = await gateway.command("user export");
    expect({ text, code }).toEqual({
      code: 0,
      text: [
        "jid,mailbox,gateway,locale,sip,enabled",
        "alice@example.test,alice@example.test,hq,de,none,yes",
        "bob@example.test,bob@example.test,hq,auto,none,yes",
      ].join("\n"),
    });
    expect(await importFromInput(text)).toMatch(/There is nothing to apply/);
  });
});

/** A shell's line in which `$GATEWAY` is the program; resolves with its exit code and what it complained of. */
const runInShell = (line: string): Promise<{ readonly code: number | null; readonly complaint: string }> =>
  new Promise((resolve) => {
    const command = line.replace("$GATEWAY", `"${process.execPath}" "${MAIN}"`);
    const child = spawn("bash", ["-c", `set -o pipefail; ${command}`], { stdio: ["ignore", "ignore", "pipe"] });
    let complaint = "";
    child.stderr.on("data", (data: Buffer) => {
      complaint += data.toString();
    });
    child.on("close", (code) => resolve({ code, complaint }));
  });

describe("what the program says, where nobody can take it", () => {
  it("is cut off without a word by who has read enough, and is an error on a full disk", async () => {
    const command = `$GATEWAY command --config "${gateway.configPath}" user export`;
    expect(await runInShell(`${command} | head -c 0`)).toEqual({ code: 1, complaint: "" });
    const full = await runInShell(`${command} > /dev/full`);
    expect(full.code).toBe(1);
    expect(full.complaint).toMatch(/^presence-gateway: cannot write the output: ENOSPC[^\n]*\n$/);
  });
});

describe("presence-gateway backup and restore", () => {
  it("back up a running gateway, refuse to restore beside it, and bring back what was then", async () => {
    expect(await gateway.invoke(["backup", backup])).toMatchObject({ code: 0 });
    expect((await gateway.invoke(["backup", backup])).code).toBe(4);
    expect(readFileSync(backup).includes("alice@example.test")).toBe(true);
    await gateway.command("user disable alice@example.test");
    expect(await gateway.invoke(["restore", backup])).toMatchObject({ code: 5 });
    await gateway.end("SIGTERM");
    expect(await gateway.invoke(["restore", backup])).toMatchObject({
      code: 0,
      text: expect.stringContaining("What was there is kept as"),
    });
    expect((await gateway.command("user show alice@example.test")).text).toMatch(/state: enabled/);
    expect((await gateway.command("gateway show hq")).text).toMatch(/password/);
  });
});
