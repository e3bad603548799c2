/** Run by two-processes.interop.test.ts as a process of its own: `storm` or `change`, and the path of the store. */
import { writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { instant } from "../../src/lib/time.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { IN_MEETING, outboxRow, publishedOf, user } from "./store-fixture.ts";

const [mode, path = "", start = "0"] = process.argv.slice(2);
const store = openStore({ path, runtime: createTestRuntime() });
if (mode === "storm") await storm(store, Number(start));
else {
  await store.registry.replaceUser(user("carol"));
  store.journal.flush();
  store.close();
}

/** Writes round after round, all presentities in one turn; says which rounds are on the disk. Ends by being killed. */
async function storm({ journal, registry }: Store, first: number): Promise<void> {
  for (let round = first + 1; ; round++) {
    for (let index = 0; index < 20; index++) {
      const presentity = parsePresentityId(`user${index}@example.com`);
      const row = outboxRow({ presentity, since: instant(round) });
      const older = outboxRow({ presentity, since: instant(round - 1) });
      const composition = { document: IN_MEETING, composedAt: instant(round) };
      const published = [{ ...publishedOf(older), at: instant(round - 1) }];
      journal.recordComposition(presentity, composition, { published, outbox: [row, { ...row, publisher: "sip" }] });
      journal.recordPublications(presentity, { published, outbox: [row, { ...row, publisher: "sip" }] });
    }
    if (round % 3 > 0) await setImmediate();
    else {
      await registry.replaceParameter("round", String(round));
      journal.flush();
      writeSync(1, `${round}\n`);
    }
  }
}
