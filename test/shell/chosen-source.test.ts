import { describe, expect, it } from "vitest";
import office365 from "../../plugins/calendar-graph/index.ts";
import type { CalendarSource, TestStep } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { ChosenSource } from "../../src/shell/chosen-source.ts";
import { findSuccessor } from "../../src/shell/plugin-catalog.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";

const { signal } = new AbortController();

class ScriptedWay implements CalendarSource {
  readonly capabilities = { maxMailboxesPerFetch: 1, maxMailboxesPerWatch: 1 };
  isRunning = false;
  readonly #steps: readonly Partial<TestStep>[] | undefined;

  /** @param steps undefined: it does not start */
  constructor(steps?: readonly Partial<TestStep>[]) {
    this.#steps = steps;
  }

  async start(): Promise<void> {
    if (!this.#steps) throw new GatewayError("no", { type: "modify", code: "scripted" });
    this.isRunning = true;
  }

  async stop(): Promise<void> {
    this.isRunning = false;
  }

  health() {
    return { state: "ok" } as const;
  }

  async fetchBusyTime() {
    return [];
  }

  async *test(): AsyncGenerator<TestStep, void> {
    for (const step of this.#steps ?? []) yield { step: "token", ok: true, detail: "", milliseconds: 0, ...step };
  }
}

const good = () => new ScriptedWay([{}, {}]);
const warned = () => new ScriptedWay([{}, { isWarning: true }]);
const bad = () => new ScriptedWay([{}, { ok: false }]);
const dead = () => new ScriptedWay();

async function runningOf(...ways: readonly ScriptedWay[]): Promise<string> {
  const source = new ChosenSource(
    ways.map((each, index) => ({ name: `way${index}`, source: each })),
    createTestRuntime(),
  );
  await source.start(signal);
  const running = ways.map(({ isRunning }) => (isRunning ? "on" : "off")).join(" ");
  await source.stop();
  expect(ways.some(({ isRunning }) => isRunning)).toBe(false);
  return running;
}

describe("of several ways to the same calendars", () => {
  it.each([
    ["the first that passes its test", [good(), good()], "on off"],
    ["the second, where the first fails", [bad(), good()], "off on"],
    ["the first, though there is a warning", [warned(), good()], "on off"],
    ["the first, where both fail", [bad(), bad()], "on off"],
    ["the first, where both are warned of", [warned(), warned()], "on off"],
    ["the one that starts", [dead(), bad()], "off on"],
  ])("is taken %s", async (_which, ways, running) => {
    expect(await runningOf(...ways)).toBe(running);
  });

  it("is none where none starts", async () => {
    await expect(runningOf(dead(), dead())).rejects.toMatchObject({ code: "scripted" });
  });

  const HAVING = { findCalendarName: async () => "Kalender", readMailboxSettings: async () => [] };

  it("has what the chosen one has, and says which it is", async () => {
    const source = new ChosenSource(
      [
        { name: "office365", source: bad() },
        { name: "ews", source: Object.assign(good(), HAVING) },
      ],
      createTestRuntime(),
    );
    expect([source.findCalendarName, source.readMailboxSettings]).toEqual([undefined, undefined]);
    await source.start(signal);
    expect([source.watchChanges, typeof source.findCalendarName]).toEqual([undefined, "function"]);
    expect(await source.readMailboxSettings?.([], signal)).toEqual([]);
    const { value: first } = await source.test({}, signal).next();
    expect(first?.detail).toMatch(/^by ews, and not by office365/);
  });
});

describe("type=office365", () => {
  const given = {
    tenant: "example.com",
    client: "11111111-2222-4333-8444-555555555555",
    secret: "s",
    cloud: "usgov",
    "batch-size": "10",
  };
  const ways = (more: Readonly<Record<string, string>>) =>
    office365.ways?.(office365.options.parse({ ...given, ...more }))?.map(({ plugin }) => plugin);

  it("goes by Graph, by EWS or by what works, as api says", () => {
    expect([ways({}), ways({ api: "ews" }), ways({ api: "auto" })]).toEqual([
      ["office365"],
      ["ews"],
      ["office365", "ews"],
    ]);
  });

  it("follows on EWS of the same tenant and cloud, and on its own EWS", () => {
    const server = (name: string, type: string, options: Record<string, string>) => ({
      name,
      type,
      options: { tenant: "Example.com", ...options },
      isEnabled: true,
    });
    const graph = server("graph", "office365", { tenant: "example.com" });
    const others = [server("elsewhere", "office365", { tenant: "example.net" }), graph];
    const oauth = server("old", "ews", { auth: "oauth" });
    expect(findSuccessor(oauth, [oauth, ...others])).toBe("graph");
    expect(findSuccessor(server("byEws", "office365", { api: "ews" }), others)).toBe("graph");
    const strangers = [
      findSuccessor(server("old", "ews", { auth: "oauth", cloud: "china" }), others),
      findSuccessor(server("old", "ews", { auth: "ntlm" }), others),
      findSuccessor(oauth, [server("byEws", "office365", { api: "ews" })]),
      findSuccessor(oauth, [{ ...graph, isEnabled: false }]),
      findSuccessor(graph, others),
    ];
    expect(strangers).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it("gives EWS what both have in common", () => {
    const options = office365.options.parse({ ...given, api: "ews", "ews-url": "https://outlook.example.com" });
    expect(office365.ways?.(options)[0]?.options).toEqual({
      tenant: "example.com",
      client: given.client,
      secret: "s",
      cloud: "usgov",
      auth: "oauth",
      url: "https://outlook.example.com",
    });
  });
});
