import type { Shown } from "./watched-clients.ts";

/** What one client showed on one server. */
export interface Sighting {
  readonly client: string;
  readonly clientVersion: string;
  readonly server: string;
  readonly serverVersion: string;
  /** It announces that it wants to hear of activities (XEP-0163 §4). */
  readonly asksForActivities: boolean;
  readonly meeting: Shown;
  readonly end: Shown;
}

const HEAD = ["Client", "Version", "Server", "Version", "Meeting: presence", "activity", "End: presence", "activity"];
/** The columns that differ from machine to machine. */
const VERSIONS: ReadonlySet<number> = new Set([1, 3]);

/** The rows of a page that compare, by client and server. */
export function comparableRows(page: string): ReadonlyMap<string, string> {
  const rows = page.split("\n").filter((line) => line.startsWith("| "));
  return new Map(
    rows.map((row) => {
      const kept = cellsOf(row).filter((_, column) => !VERSIONS.has(column));
      return [kept.slice(0, 2).join(" on "), kept.join(" | ")];
    }),
  );
}

/** The table alone, in Markdown. */
export const composeTable = (sightings: readonly Sighting[]): string =>
  [HEAD, HEAD.map(() => "---"), ...sightings.map(rowOf)].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** docs/CLIENTS.md; `pictureOf` names the file of a picture, relative to the page. */
export function composePage(
  sightings: readonly Sighting[],
  pictureOf: (sighting: Sighting, moment: "meeting" | "end") => string,
): string {
  const [first] = sightings;
  const shown = sightings.filter(({ server }) => server === first?.server);
  return [
    "# What Jabber clients show",
    "",
    "Bob has alice in his roster. A meeting in her calendar begins and ends: this is what bob's client shows of it, in",
    "its own words, with the gateway's module in the server. Seen by a test that uses the real clients of Debian",
    "as a person does (`test/interop/clients`); it fails when a client shows something else, and writes this page when",
    "asked to: `CLIENTS_PAGE=write npx vitest run test/interop/clients`.",
    "",
    composeTable(sightings),
    "",
    "- **Presence**: show and status, put over alice's own presence by the module in the server. Every client shows it.",
    "- **Activity**: XEP-0108, published for alice by PEP, with or without the module. The server sends it only to clients",
    "  that ask for it. Poezio does with its plugin `user_extras`.",
    "- Who logs in during the meeting is shown the same. (ejabberd 23.01 was seen to leave out the activity for the first",
    "  client of a kind since its start, whose capabilities it has to ask for; presence is right.)",
    "- *In a meeting* is alice's status text, in her language; *dnd*, *[d]* and *Busy* are the clients' words for the show",
    "  `dnd`.",
    "",
    ...shown.flatMap((sighting) => [`## ${sighting.client}`, "", ...screensOf(sighting, pictureOf), ""]),
  ]
    .join("\n")
    .replace(/\n+$/, "\n");
}

function rowOf({ asksForActivities, meeting, end, ...row }: Sighting): readonly string[] {
  const without = asksForActivities ? "asked for, not shown" : "not asked for";
  const shown = [meeting, end].flatMap(({ presence, activity }) => [quote(presence), quote(activity) || without]);
  return [row.client, row.clientVersion, row.server, row.serverVersion, ...shown];
}

const quote = (text = ""): string => text && `\`${text.replaceAll("|", "/").replace(/\s+/g, " ").trim()}\``;

const cellsOf = (row: string): readonly string[] =>
  row
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

function screensOf(sighting: Sighting, pictureOf: Parameters<typeof composePage>[1]): readonly string[] {
  const { client, meeting } = sighting;
  if ("text" in meeting.screen) return ["```text", ...meeting.screen.text.trimEnd().split("\n").map(trimmed), "```"];
  return [
    `![Alice in a meeting, in ${client}](${pictureOf(sighting, "meeting")})`,
    `![Alice after the meeting, in ${client}](${pictureOf(sighting, "end")})`,
  ];
}

const trimmed = (line: string): string => line.trimEnd();
