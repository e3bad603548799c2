import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { composePages, ERROR_TABLES } from "../setup/generated-docs.ts";

const listSources = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => `${folder}/${path}`);

const root = fileURLToPath(new URL("../../", import.meta.url));

describe("the documentation", () => {
  it.each(Object.entries(composePages()))("has %s as the code would write it (npm run docs)", (path, text) => {
    expect(readFileSync(`${root}${path}`, "utf8")).toBe(text);
  });

  it("lists every error code that the code can throw", () => {
    const known = new Set(Object.values(ERROR_TABLES).flatMap((codes) => Object.keys(codes)));
    const sources = ["src", "plugins"].flatMap((folder) => listSources(`${root}${folder}`));
    const thrown = sources.flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(/\bcode: "([a-z]+(?:-[a-z]+)+)"/g)].map(([, code]) => code ?? ""),
    );
    expect(thrown.filter((code) => !known.has(code))).toEqual([]);
    expect(thrown.length).toBeGreaterThan(10);
  });
});
