#!/usr/bin/env node
/**
 * `npm run check`: format and lint, types, import directions, unused code and the fast tests. One line a check; the
 * output of those that fail.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { run } from "./run.mjs";

const ROOT = join(import.meta.dirname, "../..");
const tool = (path, ...args) => [join(ROOT, "node_modules", path), ...args];

/** Longest first, so that two cores end at about the same time; the tests take two workers at the end. */
const CHECKS = {
  types: tool("typescript-native/bin/tsc", "--noEmit", "-p", "tsconfig.json"),
  imports: tool(
    "dependency-cruiser/bin/dependency-cruise.mjs",
    "--config",
    ".dependency-cruiser.cjs",
    "src",
    "plugins",
  ),
  unused: tool("knip/bin/knip.js", "--cache", "--cache-location", "node_modules/.cache/knip"),
  lint: tool("@biomejs/biome/bin/biome", "check", "--error-on-warnings"),
  tests: tool(
    "vitest/vitest.mjs",
    "run",
    "--project",
    "fast",
    "--reporter",
    "dot",
    "--reporter",
    "./test/setup/closing-line.ts",
  ),
};
const CORES = 2;

const prepared = spawnSync(process.execPath, [join(import.meta.dirname, "prepare.mjs"), "--for", "check", "--quiet"], {
  stdio: "inherit",
});
if (prepared.status !== 0) process.exit(1);

const started = performance.now();
const since = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`.padStart(7);
const waiting = Object.entries(CHECKS);
const failures = [];
await Promise.all(Array.from({ length: CORES }, work));
for (const { name, output } of failures) console.log(`\n--- ${name}\n${output.trimEnd()}`);
console.log(`${failures.length === 0 ? "ok    " : "FAILED"} all     ${since(started)}`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function work() {
  for (;;) {
    const [name, args] = waiting.shift() ?? [];
    if (!name) return;
    const from = performance.now();
    const { code, output } = await run(process.execPath, args, { cwd: ROOT });
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name.padEnd(7)} ${since(from)}`);
    if (code !== 0) failures.push({ name, output });
  }
}
