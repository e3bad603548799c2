/** Debian packages that the tests and the demo need: the real servers and clients of the other side. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { run, step } from "./run.mjs";

const POLICY = "/usr/sbin/policy-rc.d";
const OURS = "# Made by presence-gateway while it installs packages; may be removed.";

/** Installs those that are missing; without root or apt throws an error that says what to type. */
export async function installDebianPackages(names, say) {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(" ")}`;
  if (!existsSync("/usr/bin/apt-get")) throw new Error(`Missing: ${missing.join(", ")}. On Debian: ${command}`);
  if (process.getuid?.() !== 0)
    throw new Error(`Missing: ${missing.join(", ")}. Install as root, then try again: ${command}`);
  await withoutStartingServices(async () => {
    await step(say, `Installing from Debian: ${missing.join(", ")} (up to a minute)`, () => install(missing));
  });
  await disableServices(missing);
}

async function missingPackages(names) {
  if (names.length === 0) return [];
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of dpkg-query, not of JavaScript
  const { output } = await run("dpkg-query", ["-W", "-f=${db:Status-Status} ${Package}\n", ...names]);
  const installed = new Set(
    output
      .split("\n")
      .filter((line) => line.startsWith("installed "))
      .map((line) => line.slice(10)),
  );
  return names.filter((name) => !installed.has(name));
}

async function install(names) {
  const attempt = () =>
    run("apt-get", ["-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends", ...names], {
      env: { DEBIAN_FRONTEND: "noninteractive" },
    });
  const first = await attempt();
  if (first.code === 0) return first;
  const update = await run("apt-get", ["-o", "DPkg::Lock::Timeout=300", "update"]);
  return update.code === 0 ? attempt() : update;
}

/**
 * A packaged server starts when it is installed, on its public ports. invoke-rc.d and deb-systemd-invoke ask policy-rc.d
 * first (101: not allowed); ours forbids only as long as this process lives, so that nothing is lost if it is killed.
 */
async function withoutStartingServices(action) {
  if (existsSync(POLICY) && !readFileSync(POLICY, "utf8").includes(OURS)) return action();
  writeFileSync(POLICY, `#!/bin/sh\n${OURS}\nkill -0 ${process.pid} 2>/dev/null && exit 101\nexit 0\n`, {
    mode: 0o755,
  });
  try {
    return await action();
  } finally {
    rmSync(POLICY, { force: true });
  }
}

/** What only we needed must not start at the next boot either; the tests run the programs themselves. */
async function disableServices(names) {
  if (!existsSync("/run/systemd/system")) return;
  for (const name of ["prosody", "ejabberd", "apache2", "kamailio", "slapd"])
    if (names.includes(name)) await run("systemctl", ["disable", name]);
}
