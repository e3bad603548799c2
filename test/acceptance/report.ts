/**
 * `npm run acceptance [-- --fresh]`: which fact is proved by which test, from the last results or by running the tests
 * that carry ids. Exit code 1 when an expected fact has neither a passing test nor a reason in docs/ACCEPTANCE.md.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import { FACTS } from "./facts.ts";

const ROOT = join(import.meta.dirname, "../..");
const RESULTS = join(ROOT, "node_modules/.cache/test-results.json");
const ID = /\[([A-Z]\d+[a-z]?)\]/g;

const resultsSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      assertionResults: z.array(
        z.object({ ancestorTitles: z.array(z.string()), title: z.string(), status: z.string() }),
      ),
    }),
  ),
});

/** All tests of one file under one title that carries the id. */
interface Proof {
  readonly title: string;
  readonly statuses: string[];
}

const idsIn = (text: string): readonly string[] => [...text.matchAll(ID)].flatMap((match) => match[1] ?? []);

const filesBelow = (directory: string): readonly string[] =>
  readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const filesWithIds = (): readonly string[] =>
  filesBelow("test").filter((file) => file.endsWith(".test.ts") && idsIn(readFileSync(file, "utf8")).length > 0);

const readResults = () => resultsSchema.parse(JSON.parse(readFileSync(RESULTS, "utf8"))).testResults;

/** Results count when they are newer than every source and cover every test file that carries ids. */
function areResultsCurrent(files: readonly string[]): boolean {
  if (!existsSync(RESULTS)) return false;
  const writtenAt = statSync(RESULTS).mtimeMs;
  const sources = ["src", "plugins", "test", "migrations"].flatMap(filesBelow);
  if (sources.some((file) => statSync(file).mtimeMs > writtenAt)) return false;
  const covered = new Set(readResults().map(({ name }) => name));
  return files.every((file) => covered.has(file));
}

function runTests(files: readonly string[]): void {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  spawnSync(process.execPath, [vitest, "run", ...files.map((file) => relative(ROOT, file))], {
    cwd: ROOT,
    stdio: "inherit",
  });
}

function collectProofs(): ReadonlyMap<string, readonly Proof[]> {
  const proofs = new Map<string, Proof[]>();
  for (const { name, assertionResults } of readResults()) {
    for (const { ancestorTitles, title, status } of assertionResults) {
      for (const bearer of [...ancestorTitles, title]) {
        for (const id of new Set(idsIn(bearer))) addProof(proofs, id, `${relative(ROOT, name)} > ${bearer}`, status);
      }
    }
  }
  return proofs;
}

function addProof(proofs: Map<string, Proof[]>, id: string, title: string, status: string): void {
  const ofId = proofs.get(id) ?? [];
  proofs.set(id, ofId);
  const existing = ofId.find((each) => each.title === title);
  if (existing) existing.statuses.push(status);
  else ofId.push({ title, statuses: [status] });
}

/** Lines `- R3: reason` of docs/ACCEPTANCE.md. */
function readReasons(): ReadonlyMap<string, string> {
  const file = join(ROOT, "docs/ACCEPTANCE.md");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  return new Map(
    lines.flatMap((line) => {
      const match = /^- ([A-Z]\d+[a-z]?): *(\S.*)$/.exec(line);
      return match?.[1] && match[2] ? [[match[1], match[2]] as const] : [];
    }),
  );
}

function stateOf(statuses: readonly string[], reason: string | undefined): string {
  if (statuses.includes("failed")) return "FAILED";
  if (statuses.includes("passed")) return "passed";
  if (reason !== undefined) return "excused";
  return statuses.length > 0 ? "SKIPPED" : "MISSING";
}

function describeProof({ title, statuses }: Proof): string {
  const count = statuses.length > 1 ? ` (${statuses.length} tests)` : "";
  return `       ${stateOf(statuses, undefined).padEnd(8)} ${title}${count}`;
}

const files = filesWithIds();
if (process.argv.includes("--fresh") || !areResultsCurrent(files)) runTests(files);
const proofs = collectProofs();
const reasons = readReasons();
let isComplete = true;
for (const id of new Set([...Object.keys(FACTS), ...proofs.keys()])) {
  const found = proofs.get(id) ?? [];
  const state = stateOf(
    found.flatMap(({ statuses }) => statuses),
    reasons.get(id),
  );
  if (/^[A-Z]+$/.test(state)) isComplete = false;
  console.log(`${id.padEnd(4)} ${state.padEnd(8)} ${FACTS[id] ?? "(has no text in test/acceptance/facts.ts yet)"}`);
  if (state === "excused") console.log(`       ${reasons.get(id)}`);
  for (const proof of found) console.log(describeProof(proof));
}
process.exitCode = isComplete ? 0 : 1;
