import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { expect, it } from "vitest";

const RUNTIME = new URL("../../src/shell/runtime.ts", import.meta.url).href;
const PROGRAM = `
import { createLog } from ${JSON.stringify(RUNTIME)};
const log = createLog("info");
for (let i = 0; i < 20_000; i++) log.info("gateway.ready", { users: i });
process.stderr.write("still at work");`;

it("a log that cannot be written, as on a full disk, fails nobody who logs", () => {
  const full = openSync("/dev/full", "w");
  const { stderr, status } = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", PROGRAM],
    {
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    },
  );
  closeSync(full);
  expect({ stderr, status }).toEqual({ stderr: "still at work", status: 0 });
});
