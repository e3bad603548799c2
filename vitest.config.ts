import { defineConfig } from "vitest/config";

const REAL = "test/**/*.{interop,slow}.test.ts";

/**
 * Two projects: `fast` runs in `npm run check`; `interop` starts real servers, which are slow to come up, so its time
 * limits are wide. Everything runs in `npm test`, at most two files at a time. Modules have no state and importing does
 * nothing, so the fast files share their processes, which halves the time they need.
 */
export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    reporters: [
      "default",
      ["json", { outputFile: "node_modules/.cache/test-results.json" }],
      "./test/setup/closing-line.ts",
    ],
    projects: [
      {
        extends: true,
        test: { name: "fast", include: ["test/**/*.test.ts"], exclude: [REAL], testTimeout: 20_000, isolate: false },
      },
      {
        extends: true,
        test: { name: "interop", include: [REAL], testTimeout: 60_000, hookTimeout: 120_000 },
      },
    ],
  },
});
