/** better-sqlite3 is compiled for one NODE_MODULE_VERSION: this makes the one of the running Node stand in its place. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { installDebianPackages } from "./debian-packages.mjs";
import { run, step } from "./run.mjs";

/** Finds, copies or builds the module for this Node; each build is kept, so that changing Node versions costs a copy. */
export async function prepareNativeModule(root, say) {
  const home = join(root, "node_modules/better-sqlite3");
  const module = join(home, "build/Release/better_sqlite3.node");
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  const kept = join(
    root,
    `node_modules/.cache/better-sqlite3/${version}-${process.platform}-${process.arch}-${process.versions.modules}.node`,
  );
  if (await loads(root)) return put(module, kept);
  if (existsSync(kept)) {
    replace(kept, module);
    if (await loads(root)) return;
  }
  await build(root, home, say);
  const problem = await whyNotLoaded(root);
  if (problem !== undefined)
    throw new Error(`better-sqlite3 was built but does not load in Node ${process.version}:\n${problem}`);
  replace(module, kept);
}

/** Loads the module and lets statements be garbage collected amid promises, where a build with unmended headers aborts. */
const PROBE = `
const database = new (require("better-sqlite3"))(":memory:");
(async () => {
  for (let turn = 0; turn < 10; turn++) {
    for (let i = 0; i < 50; i++) database.prepare("select 1").get();
    for (let i = 0; i < 2000; i++) await new Array(200).fill(i);
  }
})();`;

async function whyNotLoaded(root) {
  const { code, output } = await run(process.execPath, ["--max-semi-space-size=1", "-e", PROBE], { cwd: root });
  return code === 0 ? undefined : output;
}

const loads = async (root) => (await whyNotLoaded(root)) === undefined;

function put(from, to) {
  if (!existsSync(to)) replace(from, to);
}

/** By a rename, because the old file may be mapped into a running process. */
function replace(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  const fresh = `${to}.${process.pid}`;
  copyFileSync(from, fresh);
  renameSync(fresh, to);
}

async function build(root, home, say) {
  rmSync(join(home, "build"), { recursive: true, force: true });
  const prebuilt = await run(process.execPath, [join(root, "node_modules/prebuild-install/bin.js")], { cwd: home });
  if (prebuilt.code === 0 && (await loads(root))) return;
  await installDebianPackages(["python3", "make", "g++"], say);
  const downloads = mkdtempSync(join(tmpdir(), "node-headers-"));
  try {
    const found = (await localHeaders()) ?? (await fetchHeaders(downloads, say));
    const headers = found && mendHeaders(found, downloads);
    const env = { JOBS: "max", ...(headers && { npm_config_nodedir: headers }) };
    await step(say, `Building better-sqlite3 for Node ${process.version} (about 100 s)`, () =>
      run("npm", ["run", "build-release"], { cwd: home, env }),
    );
  } finally {
    rmSync(downloads, { recursive: true, force: true });
  }
}

/**
 * COMPAT(Node 24.19 and later): ObjectWrap takes its clean-up hook back in its destructor, also when the garbage collector
 * runs it outside of any context, and Node aborts ("Assertion failed: (env) != nullptr"). better-sqlite3 up to 12.11 has
 * no way around; it is built without that hook, as with every Node before. Remove when Node or better-sqlite3 has mended it.
 */
function mendHeaders(directory, scratch) {
  const name = "include/node/node_object_wrap.h";
  const source = readFileSync(join(directory, name), "utf8");
  if (!source.includes("RemoveCleanupHook();")) return directory;
  const mended = join(scratch, "mended");
  cpSync(join(directory, "include/node"), join(mended, "include/node"), { recursive: true });
  writeFileSync(join(mended, name), source.replaceAll(/^ *(?:Add|Remove)CleanupHook\(\);\n/gm, ""));
  return mended;
}

/** The directory whose include/node fits this Node: beside the program, or the one that npm is set to. */
async function localHeaders() {
  const beside = join(dirname(realpathSync(process.execPath)), "..");
  if (fits(beside)) return beside;
  const configured = (await run("npm", ["config", "get", "nodedir"])).output.trim().split("\n").at(-1) ?? "";
  return fits(configured) ? configured : undefined;
}

function fits(directory) {
  const file = join(directory, "include/node/node_version.h");
  if (!existsSync(file)) return false;
  const version = /#define NODE_MODULE_VERSION (\d+)/.exec(readFileSync(file, "utf8"));
  return version?.[1] === process.versions.modules;
}

/**
 * The npm packages that carry Node itself (what `npx -p node@24` installs, there without its headers) hold the headers
 * too. `undefined` when there is none for this platform and version: then node-gyp downloads them by its own means.
 */
async function fetchHeaders(directory, say) {
  const name = `node-${process.platform}-${process.arch}@${process.version.slice(1)}`;
  say(`Fetching the headers of Node ${process.version} (npm package ${name}) …`);
  const packed = await run("npm", ["pack", name, "--silent", "--pack-destination", directory]);
  if (packed.code !== 0) return undefined;
  const archive = join(directory, `${name.replace("@", "-")}.tgz`);
  const unpacked = await run("tar", ["-xzf", archive, "-C", directory, "--strip-components=1", "package/include/node"]);
  return unpacked.code === 0 && fits(directory) ? directory : undefined;
}
