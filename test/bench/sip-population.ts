import Sqlite from "better-sqlite3";
import { parsePresentityId, parseSipAor, type SipAor } from "../../src/core/addresses.ts";
import { type Instant, instant, minutes, plus } from "../../src/lib/time.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";

const jidOf = (user: number): string => `u${String(user).padStart(6, "0")}@example.test`;

/** The user's address of record. */
export const aorOf = (user: number): SipAor => parseSipAor(`sip:${jidOf(user)}`);

/** The user as a presentity. */
export const presentityOf = (user: number) => parsePresentityId(jidOf(user));

/** Fills a new store with users who have a SIP address, a client online, and a meeting that begins when all others do. */
export function writeSipStore(path: string, users: number, start: Instant): void {
  const now = instant(Date.now());
  const store = openStore({ path, runtime: createTestRuntime(now) });
  for (let user = 0; user < users; user++) {
    const presentity = presentityOf(user);
    store.journal.replaceBusyTime(presentity, [{ start, end: plus(start, minutes(30)), status: "busy" }], now);
    store.journal.replaceClients(presentity, [
      { resource: "pc", show: "available", priority: 0, status: {}, since: now },
    ]);
    if (user % 10_000 === 0) store.journal.flush();
  }
  store.close();
  const database = new Sqlite(path);
  const insert = database.prepare(
    "INSERT INTO user (presentity, mailbox, gateway, locale, is_enabled, sip) VALUES (?,?,?,?,1,?)",
  );
  database.transaction(() => {
    for (let user = 0; user < users; user++) insert.run(jidOf(user), jidOf(user), "exchange", "en", aorOf(user));
  })();
  database.close();
}
