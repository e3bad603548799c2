import { defineConfig } from "vitest/config";

/** Fast tests run in `npm run check`; everything runs in `npm test`. Real servers are slow to start, so time limits are wide. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
    reporters: ["default", "./test/setup/closing-line.ts", ["json", { outputFile: "node_modules/.cache/test-results.json" }]],
  },
});
