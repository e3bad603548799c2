/** `npm run bench -- [name ...] [--json] [--users N]`: measures the promises; exit code 1 when one is not kept. */
import { parseArgs } from "node:util";
import { measureBurst } from "./burst.ts";
import { measureDecode } from "./decode.ts";
import { measureDirectory } from "./directory.ts";
import { drawFigure, encodeFigure, type Figure, isKept } from "./figures.ts";
import { measureFreshness } from "./freshness.ts";
import { measureGraph } from "./graph.ts";
import { measureGraphTop } from "./graph-top.ts";
import { measureImport } from "./import.ts";
import { measureNtlm } from "./ntlm.ts";
import { measurePool } from "./pool.ts";
import { measureRequests } from "./requests.ts";
import { measureSip } from "./sip.ts";
import { measureSipKamailio } from "./sip-kamailio.ts";

const USAGE =
  "npm run bench -- [burst] [restart] [decode] [requests] [freshness] [ntlm] [pool] [graph] [graph-top] [sip] [sip-kamailio] [import] [directory] [--json] [--users N]";
const MANY = 100_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

interface Choice {
  readonly names: ReadonlySet<string>;
  readonly users: number | undefined;
  readonly isJson: boolean;
}

/** Each part by the names that ask for it. */
const PARTS: readonly { readonly names: readonly string[]; measure(choice: Choice): AsyncIterable<Figure> }[] = [
  { names: ["decode"], measure: () => measureDecode(complain) },
  {
    names: ["burst"],
    measure: ({ users = 15_000 }) => measureBurst({ users, burst: "burst", withRestart: false }),
  },
  { names: ["restart"], measure: ({ users = MANY }) => measureBurst({ users, burst: undefined, withRestart: true }) },
  { names: ["requests"], measure: ({ users = 15_000 }) => measureRequests(users) },
  { names: ["freshness"], measure: () => measureFreshness() },
  { names: ["pool"], measure: ({ users = 15_000 }) => measurePool(users) },
  { names: ["graph"], measure: ({ users = 15_000 }) => measureGraph(users) },
  { names: ["graph-top"], measure: ({ users = 15_000 }) => measureGraphTop(users) },
  { names: ["ntlm"], measure: () => measureNtlm() },
  { names: ["sip"], measure: () => measureSip(complain) },
  { names: ["sip-kamailio"], measure: ({ users = 25_000 }) => measureSipKamailio(users) },
  { names: ["import"], measure: ({ users = 15_000 }) => measureImport(users) },
  { names: ["directory"], measure: ({ users = 15_000 }) => measureDirectory(users) },
];
const NAMES = PARTS.flatMap(({ names }) => names);

function readArguments(): Choice {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean", default: false }, users: { type: "string" } },
  });
  const unknown = positionals.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new Error(`there is no bench "${unknown}"`);
  const users = values.users === undefined ? undefined : Number(values.users);
  if (users !== undefined && !(Number.isInteger(users) && users >= 100 && users <= 1_000_000))
    throw new Error("--users must be a whole number from 100 to 1000000");
  return { names: new Set(positionals.length > 0 ? positionals : NAMES), users, isJson: values.json };
}

/** Measures what was chosen; true when every promise is kept and nothing broke. */
async function measure(choice: Choice): Promise<boolean> {
  let isGood = true;
  for (const part of PARTS.filter(({ names }) => names.some((name) => choice.names.has(name)))) {
    try {
      for await (const figure of part.measure(choice)) {
        isGood &&= isKept(figure);
        say(choice.isJson ? encodeFigure(figure) : drawFigure(figure));
      }
    } catch (error) {
      isGood = false;
      complain(`${part.names.join(", ")} could not be measured: ${error instanceof Error ? error.stack : error}`);
    }
  }
  return isGood;
}

let choice: Choice | undefined;
try {
  choice = readArguments();
} catch (error) {
  complain(`${error instanceof Error ? error.message : error}\n${USAGE}`);
}
process.exit(choice ? Number(!(await measure(choice))) : 2);
