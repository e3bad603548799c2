import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "smol-toml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EWS_ERROR_CODES } from "../../plugins/calendar-ews/ews-error-codes.ts";
import { GRAPH_ERROR_CODES } from "../../plugins/calendar-graph/graph-errors.ts";
import office365 from "../../plugins/calendar-graph/index.ts";
import { GRAPH_WATCH_ERROR_CODES } from "../../plugins/calendar-graph/notifications/subscription-problems.ts";
import { ENTRA_ERROR_CODES } from "../../plugins/shared-microsoft/entra-errors.ts";
import { CLOUD_NAMES, nationalCloud } from "../../plugins/shared-microsoft/national-clouds.ts";
import { LOCAL_ADMINISTRATOR } from "../../src/admin/command.ts";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { runCommandLine } from "../../src/admin/run-command-line.ts";
import { PARAMETERS } from "../../src/ports/parameters.ts";
import { CONFIG_SCHEMA } from "../../src/shell/config-schema.ts";
import { calendarTypes } from "../../src/shell/plugin-catalog.ts";
import { createCommandStage } from "../admin/command-stage.ts";

const guide = readFileSync(join(import.meta.dirname, "../../docs/OFFICE365.md"), "utf8");

const blocksOf = (language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"))].map(([, block = ""]) => block);

const prose = guide.replace(/```[\s\S]*?```/g, "");
const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text);

/** Whole commands of the page in its order: those of blocks, and those within the text. Names alone are no commands. */
const names = new Set(COMMANDS.map(({ name }) => name));
const words = new Set([...names].map((name) => name.split(" ", 1)[0] ?? ""));
const commands = [...guide.matchAll(/```gateway\n([\s\S]*?)```|`([^`\n]+)`/g)]
  .flatMap(([, block, span = ""]) => (block ?? span).trim().split("\n"))
  .filter((line) => line.includes(" ") && words.has(line.split(" ", 1)[0] ?? "") && !names.has(line));

const TYPED_CODES: Readonly<Record<string, { readonly type: string }>> = {
  ...ENTRA_ERROR_CODES,
  ...GRAPH_ERROR_CODES,
  ...GRAPH_WATCH_ERROR_CODES,
};
const NOTIFICATIONS = CONFIG_SCHEMA.shape.notifications;

describe("the commands of the guide for Office 365", () => {
  const folder = mkdtempSync(join(tmpdir(), "office365-guide-"));
  const stage = createCommandStage({ secretsDirectory: folder });
  const context = { ...stage.services, calendarTypes, actor: LOCAL_ADMINISTRATOR };
  const run = (line: string) => runCommandLine(context, line, new AbortController().signal);

  beforeAll(async () => {
    for (const name of ["office365", "proxy", "exchange"]) writeFileSync(join(folder, name), "a secret of the guide\n");
    await run("gateway add hq type=ews url=https://mail.example.com account=EXAMPLE\\svc-presence password=@exchange");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are there for adding, testing, changing and moving", () => {
    const used = new Set(commands.map((line) => [...names].find((name) => line.startsWith(`${name} `))));
    for (const name of ["gateway add", "gateway test", "gateway set", "user enable", "user set", "parameter set"])
      expect(used).toContain(name);
  });

  it.each(commands)("[G1] [G10] are taken by the gateway, one after the other: %s", async (line) => {
    await expect(run(line)).resolves.toBeDefined();
  });
});

describe("the guide for Office 365", () => {
  it("names every option, and nothing that the program does not have", () => {
    const options = calendarTypes.flatMap((type) => Object.keys(type.options.shape));
    const own = Object.keys(office365.options.shape);
    expect(own.filter((name) => !spans.some((span) => span.split(/[= ]/, 1)[0] === name))).toEqual([]);
    const settings = Object.keys(NOTIFICATIONS.unwrap().shape);
    const codes = [...Object.keys(TYPED_CODES), ...Object.keys(EWS_ERROR_CODES)];
    const known = new Set([...options, ...settings, ...codes, ...Object.keys(PARAMETERS), ...CLOUD_NAMES]);
    const hyphenated = spans.filter((span) => /^[a-z]\w*(-[a-z]\w*)+$/.test(span));
    expect(hyphenated.filter((span) => !known.has(span))).toEqual([]);
    expect(hyphenated.length).toBeGreaterThan(40);
  });

  it("says what to do for every error that needs a person", () => {
    const needed = Object.entries(TYPED_CODES).filter(([, { type }]) => type === "auth" || type === "modify");
    expect(needed.map(([code]) => code).filter((code) => !spans.includes(code))).toEqual([]);
  });

  it("has settings of the configuration file that are valid", () => {
    const blocks = blocksOf("toml").map((block) => parse(block)["notifications"]);
    expect(blocks.length).toBe(2);
    for (const block of blocks) expect(NOTIFICATIONS.safeParse(block).error).toBeUndefined();
  });

  it.each(CLOUD_NAMES)("names the hosts of the cloud %s", (name) => {
    const { authority, graph, ews } = nationalCloud(name);
    expect(guide).toContain(`| \`${name}\` | ${authority.host} | ${graph.host} | ${ews?.host ?? "give its URL"} |`);
  });

  it("reckons requests as the interval and the size of a request have it", () => {
    const row = (head: string): readonly number[] =>
      (new RegExp(`\\| ${head} \\|(.*)`).exec(guide)?.[1] ?? "").split("|").slice(0, -1).map(Number);
    const intervals = row("`office365-pull-interval`");
    expect(intervals.length).toBe(5);
    expect(row("requests a user and hour")).toEqual(intervals.map((minutes) => 60 / minutes / 20));
  });

  it("[G11] makes the scope before the role, assigns the role with it, and verifies both sides", () => {
    const lines = blocksOf("powershell").flatMap((block) => block.replace(/`\n\s*/g, "").split("\n"));
    const assigned = lines.findIndex((line) => line.startsWith("New-ManagementRoleAssignment"));
    expect(lines[assigned]).toMatch(/-Role "Application Calendars\.Read" -CustomResourceScope "Presence users"$/);
    expect(lines[assigned - 1]).toMatch(/^New-ManagementScope -Name "Presence users" -RecipientRestrictionFilter /);
    expect(lines.filter((line) => line.startsWith("Test-ServicePrincipalAuthorization")).length).toBe(2);
    for (const line of lines) expect(line).not.toMatch(/ReadWrite|FullAccess|full_access|Full Access/);
  });
});
