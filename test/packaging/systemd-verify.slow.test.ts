import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UNIT } from "./systemd-unit.ts";

const analyze = (...words: readonly string[]) => spawnSync("systemd-analyze", words, { encoding: "utf8" });
const isInstalled = analyze("--version").status === 0;
if (!isInstalled) console.log("skipped: systemd-analyze is not installed (Debian: apt-get install systemd)");

describe.runIf(isInstalled)("systemd, asked about the unit", () => {
  const folder = mkdtempSync(join(tmpdir(), "unit-"));
  const file = join(folder, "presence-gateway.service");
  beforeAll(() => {
    // Node may stand elsewhere on this machine; systemd looks whether what is started is there.
    writeFileSync(file, readFileSync(UNIT, "utf8").replace("/usr/bin/node", process.execPath));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("finds nothing wrong with it", () => {
    const { status, stdout, stderr } = analyze("verify", file);
    expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: "" });
  });

  it("finds it little exposed", () => {
    const { stdout } = analyze("security", "--offline=true", file);
    const [, exposure] = /Overall exposure level for \S+: (\d+\.\d)/.exec(stdout) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(2);
  });

  it("is told of a mistake in it", () => {
    const wrong = join(folder, "wrong.service");
    writeFileSync(wrong, `${readFileSync(file, "utf8")}\n[Service]\nProtectSystm=strict\n`);
    expect(analyze("verify", wrong).stderr).toContain("ProtectSystm");
  });
});
