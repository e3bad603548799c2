/** Resolves when the condition holds; rejects when it does not within ten seconds. */
export async function untilTrue(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("what was waited for did not come");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
