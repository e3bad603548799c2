import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

/** Prints, after everything else, why tests were skipped and the plain line `N passed, N failed[, N skipped]`. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === "passed").length;
    const skipped = tests.filter((test) => ["skipped", "pending"].includes(test.result().state));
    // A file that cannot be loaded, a hook that fails, and a rejection nobody handled are failures without a test.
    const failed =
      tests.filter((test) => test.result().state === "failed").length + errorsOutsideTests(modules) + unhandled.length;
    const lines = skipped.length > 0 ? ["", "Skipped:", ...skipped.map(describeSkipped)] : [];
    lines.push("", `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
    // Other reporters print when they have written their files, which may be later than this call.
    process.once("exit", () => console.log(lines.join("\n")));
  }
}

const describeSkipped = (test: TestCase): string => {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return `  ${test.module.relativeModuleId} > ${test.fullName}: ${note ?? "no reason given"}`;
};

const errorsOutsideTests = (modules: readonly TestModule[]): number =>
  modules
    .flatMap((module) => [module, ...module.children.allSuites()])
    .reduce((count, each) => count + each.errors().length, 0);
