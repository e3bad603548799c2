import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { normalizeStateText } from "../../src/core/texts.ts";
import { SIP_SECTION } from "../../src/shell/sip-section.ts";
import { ERROR_TABLES } from "../setup/generated-docs.ts";
import { kamailioQuery } from "../setup/kamailio-texts.ts";

const read = (path: string): string => readFileSync(join(import.meta.dirname, "../..", path), "utf8");
const guide = read("docs/SIP.md");
const guard = read("plugins/server-kamailio/presence-gateway-guard.cfg");
const readme = read("plugins/server-kamailio/README.md");

const definitions = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/\bPRESENCE_GATEWAY_(?:PORT|CERTIFICATE|USER|REALM|PASSWORD|STRIP)\b/g)].map(([name]) => name),
  );

describe("the guide for administrators of presence servers", () => {
  it("begins with a configuration that is valid and has nothing but what is needed", () => {
    const [, toml = ""] = /```toml\n([\s\S]*?)```/.exec(guide) ?? [];
    const section: unknown = Object.values(parse(toml))[0];
    expect(SIP_SECTION.safeParse(section).success).toBe(true);
    expect(Object.keys(parse(toml))).toEqual(["sip"]);
    expect(guide.indexOf("```toml")).toBeLessThan(1200);
  });

  it("says of every setting of [sip] what it is for", () => {
    for (const key of Object.keys(SIP_SECTION.shape)) expect([key, guide.includes(`\`${key}\``)]).toEqual([key, true]);
  });

  it("names commands and error codes that there are", () => {
    const names = COMMANDS.map(({ name }) => name);
    const written = [...guide.matchAll(/^(?:\| )?`?((?:user|sip|why|certificate) [a-z]+)/gm)].map(
      ([, text = ""]) => text,
    );
    const commands = written.map((text) => (text.startsWith("why") ? "why" : text));
    expect(commands.length).toBeGreaterThan(4);
    for (const command of commands) expect(names).toContain(command);
    const codes = new Set(Object.values(ERROR_TABLES).flatMap((table) => Object.keys(table)));
    const named = [...guide.matchAll(/`(sip-[a-z-]+)`/g)].map(([, code = ""]) => code);
    expect(named.length).toBeGreaterThan(2);
    for (const code of named) expect(codes).toContain(code);
  });

  it("says what the guard says, and defines what the guard knows", () => {
    const refusal = "Meeting comes from the calendar gateway only";
    for (const text of [guide, readme, guard]) expect(text).toContain(refusal);
    expect(definitions(readme)).toEqual(definitions(guard));
    for (const name of definitions(guide)) expect(guard).toContain(`#!ifdef ${name}`);
    for (const [, route = ""] of `${guide}${readme}`.matchAll(/route\((\w+)\)/g))
      expect(guard).toContain(`route[${route}]`);
  });
});

describe("the guard's list of texts", () => {
  it("has every text of the catalogue, as people and as programs write it, within Kamailio's buffer", () => {
    const [, list = ""] = /contains\('\|([^']*)\|'/.exec(kamailioQuery()) ?? [];
    const texts = new Set(list.split("|"));
    for (const { "in-a-meeting": text } of Object.values(TEXT_CATALOGUE))
      expect(texts).toContain(normalizeStateText(text));
    expect(texts).not.toContain("");
    expect(Buffer.byteLength(kamailioQuery())).toBeLessThan(8192);
    expect(kamailioQuery()).not.toMatch(/["$\\\n]/);
  });
});
