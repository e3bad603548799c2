import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { z } from "zod";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PACKED = z.array(z.object({ files: z.array(z.object({ path: z.string() })) }));

const listPacked = (): readonly string[] => {
  const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return PACKED.parse(JSON.parse(output)).flatMap(({ files }) => files.map(({ path }) => path));
};

it("what is packed has everything that the documentation of administrators links to, and the program's own files", () => {
  const packed = new Set(listPacked());
  const linked = [...packed]
    .filter((path) => path === "README.md" || /^docs\/[A-Z]+\.md$/.test(path))
    .flatMap((page) =>
      [...readFileSync(join(ROOT, page), "utf8").matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, target = ""]) =>
        normalize(join(dirname(page), target)),
      ),
    )
    .filter((path) => existsSync(join(ROOT, path)));
  const needed = [...linked, "dist/src/main.js", "migrations/0001-initial.sql"];
  needed.push("packaging/systemd/presence-gateway.service", "plugins/server-prosody/README.md");
  expect(needed.filter((path) => !packed.has(path))).toEqual([]);
  expect([...packed].filter((path) => /(^|\/)\.|^test\/|\.ts$/.test(path))).toEqual([]);
});
