import { execFile } from "node:child_process";
import { chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { mustSucceed } from "../../lab/site.ts";
import { type AdhocStage, COMPONENT, HOST, startStage } from "./stage.ts";

const PROGRAMS = ["gajim", "xvfb-run", "dbus-run-session", "import"];
const missing = PROGRAMS.filter((name) => !existsSync(`/usr/bin/${name}`));
if (missing.length > 0)
  console.log(
    `skipped: ${missing.join(", ")} not installed (apt-get install gajim xvfb xauth dbus-daemon imagemagick)`,
  );

const SCRIPT = fileURLToPath(new URL("gajim-commands.py", import.meta.url));
const SCREEN = ["-a", "-s", "-screen 0 2400x1400x24"];
/** Gajim refuses to run as root: nobody, on Debian. */
const NOBODY = 65_534;
const run = promisify(execFile);
const Step = z.object({ step: z.string(), texts: z.array(z.string()) });

describe.skipIf(missing.length > 0)("commands from a real Gajim on a real Prosody", () => {
  const directory = mkdtempSync(join(tmpdir(), "gajim-"));
  let stage: AdhocStage;

  beforeAll(async () => {
    stage = await startStage("prosody");
    await stage.addGateway();
  });
  afterAll(async () => {
    await stage?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What the windows showed, by step. */
  const execute = async (node: string, texts: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const home = join(directory, node);
    const folders = ["", "config", "run", "out"].map((name) => join(home, name));
    for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const script = join(home, "gajim-commands.py");
    copyFileSync(SCRIPT, script);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) for (const path of [directory, ...folders, script]) chownSync(path, NOBODY, NOBODY);
    const place = { jid: COMPONENT.jid, domain: HOST, user: "carol", password: "carol" };
    const setup = JSON.stringify({ ...place, port: stage.port, node, texts, out: join(home, "out") });
    const environment = {
      PATH: "/usr/bin:/bin",
      LANG: "C.UTF-8",
      HOME: home,
      XDG_CONFIG_HOME: join(home, "config"),
      XDG_DATA_HOME: join(home, "data"),
      XDG_CACHE_HOME: join(home, "cache"),
      XDG_RUNTIME_DIR: join(home, "run"),
      PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
      NO_AT_BRIDGE: "1",
    };
    const gajim = ["xvfb-run", ...SCREEN, "dbus-run-session", "--", "/usr/bin/python3", script, setup];
    const as = isRoot ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...gajim] : gajim;
    const { stdout } = await run("/usr/bin/env", as, { cwd: home, env: environment, timeout: 50_000 });
    const steps = stdout.split("\n").flatMap((line) => (line.startsWith("{") ? [Step.parse(JSON.parse(line))] : []));
    for (const { step } of steps) expect(existsSync(join(home, "out", `${step}.png`)), step).toBe(true);
    return new Map(steps.map(({ step, texts: shown }) => [step, shown.join("\n")]));
  };

  it("are listed, ask by a form, and say what was done", async () => {
    const shown = await execute("user-enable", [`bob@${HOST}`]);
    expect(shown.get("list")).toContain("user enable: Shows a user's calendar state from now on");
    expect(shown.get("form")).toContain("jid: The user's bare JID");
    expect(shown.get("result")).toContain(`bob@${HOST} is enabled`);
    expect(await mustSucceed(stage.gateway, "user list")).toContain(`bob@${HOST}`);
  });

  it("show a table", async () => {
    const shown = await execute("user-list", []);
    expect(shown.get("result")).toContain(`mailbox: alice@${HOST}; gateway: hq`);
  });
});
