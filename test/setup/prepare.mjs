#!/usr/bin/env node
/**
 * Makes a fresh clone ready: npm packages, the native module for the running Node, the built program in dist/, and the
 * Debian packages that the purpose needs. Plain Node, since it runs before any package is installed; quick when all is
 * there.
 *
 *   node test/setup/prepare.mjs [--for check|demo|test|bench] [--quiet]
 */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installDebianPackages } from "./debian-packages.mjs";
import { prepareNativeModule } from "./native-module.mjs";
import { run, step } from "./run.mjs";

const ROOT = join(import.meta.dirname, "../..");
const PROSODY = ["prosody", "prosody-modules"];
const APACHE_NTLM = ["apache2", "libapache2-mod-auth-gssapi", "gss-ntlmssp"];
// The real presence server, phone and load generator of the SIP tests. baresip-core is baresip without its windows.
const SIP = [
  "kamailio",
  "kamailio-presence-modules",
  "kamailio-xml-modules",
  "kamailio-tls-modules",
  "kamailio-extra-modules",
  "kamailio-sqlite-modules",
  "sqlite3",
  "sip-tester",
];
// Clients that people use, with what shows them to a test: a terminal, and a screen that is photographed.
const CHAT_CLIENTS = ["dbus-daemon", "gajim", "imagemagick", "mcabber", "poezio", "profanity", "tmux", "xauth", "xvfb"];
// The real directory server; the tests fill it with its own slapadd.
const LDAP = ["slapd"];
const OPTIONAL = { demo: [...SIP.filter((name) => name !== "sip-tester"), "ejabberd"] };
const PACKAGES = {
  check: [],
  demo: PROSODY,
  test: [
    ...PROSODY,
    ...APACHE_NTLM,
    ...SIP,
    ...LDAP,
    "baresip-core",
    "ejabberd",
    "libxml2-utils",
    "openssl",
    ...CHAT_CLIENTS,
    "python3-exchangelib",
    "python3-gssapi",
  ],
  bench: [...PROSODY, ...APACHE_NTLM, ...SIP, ...LDAP, "python3-exchangelib"],
};

async function main() {
  const { values } = parseArgs({
    options: { for: { type: "string", default: "test" }, quiet: { type: "boolean", default: false } },
  });
  const packages = PACKAGES[values.for];
  if (!packages) throw new Error(`--for ${values.for}: must be one of ${Object.keys(PACKAGES).join(", ")}`);
  const say = values.quiet ? () => undefined : (line) => console.log(line);
  await installNpmPackages(say);
  await prepareNativeModule(ROOT, say);
  if (values.for !== "check") await buildProgram(say);
  await installDebianPackages(packages, say);
  await installOptional(OPTIONAL[values.for] ?? [], say);
}

/** What the purpose can do without. */
async function installOptional(packages, say) {
  try {
    await installDebianPackages(packages, say);
  } catch (error) {
    say(`${error.message} It goes on without.`);
  }
}

const readJson = (path) => JSON.parse(readFileSync(join(ROOT, path), "utf8"));

/** npm notes what it installed in a lock file of its own; optional packages are often for other platforms. */
function isInstalled() {
  if (!existsSync(join(ROOT, "node_modules/.package-lock.json"))) return false;
  const installed = readJson("node_modules/.package-lock.json").packages;
  const wanted = Object.entries(readJson("package-lock.json").packages);
  return wanted.every(
    ([path, { version, optional }]) => path === "" || optional || installed[path]?.version === version,
  );
}

async function installNpmPackages(say) {
  if (isInstalled()) return;
  const cache = join(ROOT, "node_modules/.cache/better-sqlite3");
  const kept = mkdtempSync(join(tmpdir(), "better-sqlite3-"));
  try {
    if (existsSync(cache)) cpSync(cache, kept, { recursive: true });
    // Without their scripts: the only one that does something needed, better-sqlite3's, is done by prepareNativeModule
    // with the right headers.
    await step(say, "Installing npm packages (about 20 s)", () =>
      run("npm", ["ci", "--ignore-scripts"], { cwd: ROOT }),
    );
    cpSync(kept, cache, { recursive: true });
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
}

/** The newest change of a file or of anything below a directory, in milliseconds since the epoch. */
function changedAt(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(path).map((name) => changedAt(join(path, name))));
}

/** `npm exec presence-gateway` runs dist/. */
async function buildProgram(say) {
  const stamp = join(ROOT, "dist/.built");
  const sources = ["src", "plugins", "tsconfig.json", "tsconfig.build.json"];
  const newest = Math.max(...sources.map((path) => changedAt(join(ROOT, path))));
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= newest) return;
  const compiler = join(ROOT, "node_modules/typescript-native/bin/tsc");
  try {
    await step(say, "Building dist/", () =>
      run(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: ROOT }),
    );
  } catch (error) {
    // The compiler writes its output all the same, and it is for `npm run check` to refuse what has a type error.
    return console.error(error.message);
  }
  writeFileSync(stamp, "");
  // The time of the sources, not of now: one that changed meanwhile is built again next time.
  utimesSync(stamp, Math.ceil(newest) / 1000, (Math.ceil(newest) + 1) / 1000);
}

/** Says what is wrong in words that any Node can print. */
function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(`Node 20.19 or later is needed; this is ${process.version}.`);
}

try {
  checkNode();
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
