import type { BareJid } from "../core/addresses.ts";
import { type Milliseconds, seconds } from "../lib/time.ts";
import type { Clock } from "../ports/runtime.ts";
import type { Connection } from "./connection.ts";
import { linkError } from "./xmpp-errors.ts";

const TICK: Milliseconds = seconds(15);
const TICKS_BETWEEN_PINGS = 4;
/** A server under load answers late but is heard; one that is heard and never answers does not read any more. */
const UNANSWERED_PINGS_ALLOWED = 2;

/**
 * Pings the server each minute, and after 15 s of silence while answers are due (XEP-0199; XEP-0114 has no keepalive of
 * its own). Rejects when the server is gone: TCP alone may take hours to notice. Runs until the connection ends.
 */
export async function keepAlive(connection: Connection, host: BareJid, clock: Clock): Promise<never> {
  let unanswered = 0;
  for (let tick = 1; ; tick++) {
    const before = connection.heard;
    await clock.sleep(TICK, connection.lifetime);
    const isSilent = connection.heard === before;
    if (tick % TICKS_BETWEEN_PINGS !== 0 && !(isSilent && connection.pendingRequests > 0)) continue;
    const heardAtPing = connection.heard;
    unanswered = (await isAnswered(connection, host, clock)) ? 0 : unanswered + 1;
    if (unanswered > UNANSWERED_PINGS_ALLOWED || (unanswered > 0 && connection.heard === heardAtPing)) {
      throw linkError("xmpp-timeout", `${host} does not answer pings any more`);
    }
  }
}

async function isAnswered(connection: Connection, host: BareJid, clock: Clock): Promise<boolean> {
  const attempt = new AbortController();
  const timeout = clock.sleep(TICK, attempt.signal).then(() => false);
  const answer = connection.ping(host, attempt.signal).then(() => true);
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    attempt.abort();
    await Promise.allSettled([answer, timeout]);
  }
}
