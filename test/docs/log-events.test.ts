import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const page = readFileSync(join(ROOT, "docs/LOGS.md"), "utf8");
const documented = [...page.matchAll(/^\| `([a-z.-]+)` \| (debug|info|warn|error) \| \S/gm)].map(
  ([, event, level]) => `${event} ${level}`,
);

interface Call {
  readonly file: string;
  readonly level: string;
  /** As it stands in the source: mostly a quoted text. */
  readonly event: string;
}

const calls: readonly Call[] = ["src", "plugins"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) =>
      [
        ...readFileSync(join(ROOT, folder, file), "utf8").matchAll(
          /\blog\??\.(debug|info|warn|error)\(\s*("[^"]*"|[^,)]+)/g,
        ),
      ].map(([, level = "", event = ""]) => ({ file: `${folder}/${file}`, level, event })),
    ),
);
/** Events that are chosen where they are logged. */
const CHOSEN: readonly Call[] = ["xmpp.disconnected", "xmpp.connect-failed"].map((event) => ({
  file: "src/xmpp/link-state.ts",
  level: "warn",
  event: JSON.stringify(event),
}));
const isQuoted = ({ event }: Call): boolean => event.startsWith('"');
const logged = [...calls.filter(isQuoted), ...CHOSEN];

describe("log events", () => {
  it("stand in LOGS.md with their level, all of them and no others", () => {
    const events = new Set(logged.map(({ event, level }) => `${event.slice(1, -1)} ${level}`));
    expect([...events].filter((each) => !documented.includes(each))).toEqual([]);
    expect(documented.filter((each) => !events.has(each))).toEqual([]);
    expect(documented).toEqual(documented.toSorted());
  });

  it("are constant texts of the form area.what-happened, so that they can be searched for", () => {
    expect(calls.filter((call) => !isQuoted(call)).map(({ file, level }) => ({ file, level }))).toEqual([
      { file: "src/xmpp/link-state.ts", level: "warn" },
    ]);
    for (const { event } of logged) expect(event).toMatch(/^"[a-z]+\.[a-z]+(-[a-z]+)*"$/);
    const text = readFileSync(join(ROOT, "src/xmpp/link-state.ts"), "utf8");
    for (const { event } of CHOSEN) expect(text).toContain(event);
  });

  it("that the guides name exist", () => {
    const areas = new Set(documented.map((each) => each.split(".")[0]));
    // Settings of the configuration file are named in the same way.
    for (const section of ["xmpp", "store", "notifications"]) areas.delete(section);
    const known = new Set(documented.map((each) => each.split(" ")[0]));
    for (const guide of ["OPERATIONS", "EXCHANGE", "OFFICE365", "SIP", "DIRECTORY", "EJABBERD"]) {
      const text = readFileSync(join(ROOT, `docs/${guide}.md`), "utf8");
      const named = [...text.matchAll(/`([a-z]+)\.([a-z]+(?:-[a-z]+)+)`/g)]
        .filter(([, area]) => areas.has(area))
        .map(([, area, rest]) => `${area}.${rest}`);
      expect(named.filter((event) => !known.has(event)).map((event) => `${guide}: ${event}`)).toEqual([]);
    }
  });
});
