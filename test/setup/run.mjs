/** Running programs from the set-up scripts. Plain Node: it is used before any package is installed. */
import { spawn } from "node:child_process";

/** Runs a program without shell and input; resolves (never rejects) to its exit code and what it printed on both outputs. */
export function run(program, args, { cwd, env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.once("error", (error) => resolve({ code: 127, output: error.message }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Runs a long step under a line that says what happens and how long it takes; throws with the end of its output when it fails. */
export async function step(say, title, action) {
  const started = performance.now();
  say(`${title} …`);
  const { code, output } = await action();
  if (code !== 0) throw new Error(`${title}: failed\n${output.trimEnd().split("\n").slice(-40).join("\n")}`);
  say(`  done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
