import { describe, expect, it } from "vitest";
import { isParameterName, PARAMETERS, readParameters } from "../../src/ports/parameters.ts";
import { createCommandStage } from "./command-stage.ts";

describe("parameter set", () => {
  it.each([
    ["P2", "calendar-spread", 0, 0, 59],
    ["P3", "exchange-timeout", 3, 1, 20],
    ["P4", "exchange-queue", 2200, 1, 5000],
    ["P5", "exchange-threads", 60, 1, 100],
    ["P6", "ews-status-frequency", 60, 10, 1440],
    ["P7", "office365-pull-interval", 60, 1, 1440],
  ] as const)(
    "[%s] %s: default, both ends, one below, one above, non-numeric, empty",
    async (_id, name, value, min, max) => {
      const { registry, say } = createCommandStage();
      const live = readParameters(() => Object.fromEntries(registry.parameters));
      expect(live.integer(name)).toBe(value);
      for (const allowed of [min, max]) {
        expect(await say(`parameter set ${name} ${allowed}`)).toMatch(`${name} is ${allowed} now`);
        expect(live.integer(name)).toBe(allowed);
      }
      for (const refused of [min - 1, max + 1, "many", '""', "3.5", "1e1", "0x3"]) {
        const answer = await say(`parameter set ${name} ${refused}`);
        expect(answer).toMatch(`${name} must be a whole number from ${min} to ${max}`);
        expect(answer).toMatch("[command-arguments]");
        expect(live.integer(name)).toBe(max);
      }
      expect(await say(`parameter set ${name} default`)).toMatch(
        `${name} is ${value} now (the default); it was ${max}.`,
      );
      expect(registry.parameters.has(name)).toBe(false);
      expect(live.integer(name)).toBe(value);
    },
  );

  it.each(["Calendar Spread", "CALENDAR_SPREAD", '"calendar  spread"', "calendar-spread"])(
    "knows the parameter as %s",
    async (name) => {
      const { registry, say } = createCommandStage();
      await say(`Parameter Set ${name} 10`);
      expect(registry.parameters.get("calendar-spread")).toBe("10");
      expect(registry.audit).toMatchObject([
        { action: "parameter.changed", subject: "calendar-spread", detail: "0 to 10" },
      ]);
    },
  );

  it("takes name=value too", async () => {
    const { registry, say } = createCommandStage();
    expect(await say("parameter set Exchange_Timeout=5")).toBe("exchange-timeout is 5 now; it was 3.");
    expect(registry.parameters.get("exchange-timeout")).toBe("5");
  });

  it("takes choices in any case and names them when it refuses", async () => {
    const { registry, say } = createCommandStage();
    await say("parameter set busy-as AWAY");
    expect(registry.parameters.get("busy-as")).toBe("away");
    expect(await say("parameter set busy-as purple")).toMatch(/busy-as must be one of: dnd, away/);
  });

  it.each([
    ["parameter set", /^Name one parameter and its value: parameter set <name> <value>\|default/],
    ["parameter set exchange-timeout", /The value of exchange-timeout is missing/],
    ["parameter set exchange timeout", /The value of exchange-timeout is missing/],
    ["parameter set exchange-timeuot 5", /"exchange-timeuot"; did you mean exchange-timeout\?.*command-not-found/],
    ["parameter set constructor 5", /no parameter named "constructor"/],
    ["parameter set exchange-timeout=5 exchange-queue=9", /^Name one parameter and its value/],
    ["parameter set exchange-timeuot=5", /"exchange-timeuot"; did you mean exchange-timeout\?/],
  ])("refuses %j precisely", async (text, expected) => {
    const { registry, say } = createCommandStage();
    expect(await say(text)).toMatch(expected);
    expect(registry.parameters.size).toBe(0);
    expect(registry.audit).toEqual([]);
  });

  it("[R8] reports the change to whoever watches, so that no restart is needed", async () => {
    const { registry, say } = createCommandStage();
    const stop = new AbortController();
    const changes = registry.watch(stop.signal)[Symbol.asyncIterator]();
    const first = changes.next();
    await say("parameter set exchange-timeout 7");
    expect((await first).value).toEqual({ kind: "parameter", name: "exchange-timeout" });
    stop.abort();
  });
});

describe("parameter list", () => {
  it("shows value, default, range and meaning of each", async () => {
    const { say } = createCommandStage();
    await say("parameter set exchange-timeout 7");
    const text = await say("parameter list");
    for (const name of Object.keys(PARAMETERS).filter(isParameterName)) expect(text).toContain(name);
    expect(text).toMatch(/exchange-timeout +\| 7 +\| 3, 1 to 20 seconds +\| P3\./);
    expect((await say("parameter list Exchange T")).split("\n")).toHaveLength(3);
    expect(await say("parameter list nonsense")).toMatch(/No parameter has this/);
  });

  it("counts a stored value that is no longer allowed as the default", async () => {
    const { registry, say } = createCommandStage();
    registry.parameters.set("exchange-timeout", "900");
    expect(await say("parameter list exchange-timeout")).toMatch(/exchange-timeout \| 3 /);
  });
});

describe("calendar-name", () => {
  it("sets and lists names by language", async () => {
    const { registry, say } = createCommandStage();
    expect(await say("calendar-name set de_at Mein Kalender")).toBe(
      "The calendar folder is named Mein Kalender in de-AT.",
    );
    await say('calendar-name set fi "Kalenteri = työ"');
    expect(registry.calendarNames.get("fi")?.name).toBe("Kalenteri = työ");
    expect(await say("calendar-name list DE")).toMatch(
      /^locale \| name +\| source\nde-AT +\| Mein Kalender \| administrator$/,
    );
    expect(registry.audit[0]).toMatchObject({
      action: "calendar-name.changed",
      subject: "de-AT",
      detail: "Mein Kalender",
    });
    expect(await say("audit de-AT")).toContain("Mein Kalender");
  });

  it.each([
    ["calendar-name set de", /name is missing/],
    ['calendar-name set de ""', /name: must not be empty/],
    ["calendar-name set de a\u0007b", /control characters/],
    [`calendar-name set de ${"x".repeat(256)}`, /at most 255 characters/],
    ["calendar-name set english-language-of-mine Calendar", /locale: this is not a language tag/],
  ])("refuses %j", async (text, expected) => {
    expect(await createCommandStage().say(text)).toMatch(expected);
  });
});
