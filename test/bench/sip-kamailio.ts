import { SipPublisher } from "../../plugins/publish-sip/sip-publisher.ts";
import { encodePidf } from "../../plugins/shared-sip/documents/encode-pidf.ts";
import { parsePresentityId, parseSipAor } from "../../src/core/addresses.ts";
import { IN_A_MEETING, type PresenceDocument } from "../../src/core/presence.ts";
import { instant, seconds } from "../../src/lib/time.ts";
import type { PresencePublisher, Publication } from "../../src/ports/presence-publisher.ts";
import { createMetrics } from "../../src/shell/exposed-metrics.ts";
import { createLog, createRuntime } from "../../src/shell/runtime.ts";
import { TestMemory } from "../doubles/plugin-context.ts";
import { createTestTrust } from "../doubles/trust.ts";
import { type Kamailio, startKamailio, whatKamailioLacks } from "../lab/kamailio.ts";
import { openSipClient } from "../lab/sip-client.ts";
import type { Figure } from "./figures.ts";

const DOMAIN = "example.test";
/** Kamailio keeps each transaction for five seconds and more: what comes unpaced (7,000 a second) fills its 512 MB of memory. */
const PER_SECOND = 2000;
/** Who is looked at by SUBSCRIBE afterwards; each costs Kamailio a subscription. */
const WATCHED = 1000;

const FREE: PresenceDocument = { show: "available", source: "client" };
const meetingUntil = (end: number): PresenceDocument => ({
  show: "dnd",
  source: "calendar",
  text: "in-a-meeting",
  activity: IN_A_MEETING,
  until: instant(end),
});

/** How soon so many changes are in a real Kamailio, and whether any is lost on the way or told of somebody else. */
export async function* measureSipKamailio(users: number): AsyncGenerator<Figure> {
  const lack = whatKamailioLacks();
  if (lack) throw new Error(lack);
  const kamailio = await startKamailio({ domain: DOMAIN });
  const publisher = createPublisher(kamailio);
  const { signal } = new AbortController();
  try {
    await publisher.start(signal);
    await untilConnected(publisher);
    const filled = await publishAll(publisher, users, FREE);
    const burst = await publishAll(publisher, users, meetingUntil(Date.now() + 3_600_000));
    const wrong = await countWrong(kamailio, users);
    const rate = Math.round(users / burst.duration);
    const what = `${users} users enter a meeting at once (PUBLISH with SIP-If-Match and a whole document, TCP, 200 under way, at most ${PER_SECOND} a second) into Kamailio 5.6, in memory, on the same two cores`;
    yield {
      name: "sip-kamailio.lost",
      value: filled.lost + burst.lost + wrong,
      unit: "",
      bound: { atMost: 0 },
      note: `${what}: without a 200, or wrong at a watcher of ${WATCHED} of them`,
    };
    yield {
      name: "sip-kamailio.seconds",
      value: burst.duration,
      unit: "s",
      bound: { atMost: 60 },
      note: `${what}: ${rate} a second; the first publications took ${filled.duration.toFixed(1)} s`,
    };
  } finally {
    await publisher.stop();
    await kamailio.stop();
  }
}

function createPublisher({ gatewayPort }: Kamailio): SipPublisher {
  const server = `127.0.0.1:${gatewayPort}`;
  const runtime = createRuntime(createLog("silent"), createMetrics());
  return new SipPublisher(
    { server, transport: "tcp", expires: seconds(3600), perSecond: PER_SECOND, window: 200 },
    encodePidf,
    { runtime, trust: createTestTrust(), memory: new TestMemory() },
  );
}

async function untilConnected(publisher: PresencePublisher): Promise<void> {
  if (publisher.epoch() !== undefined) return;
  for await (const epoch of publisher.watchEpoch(AbortSignal.timeout(10_000))) if (epoch !== undefined) return;
}

const aorOf = (index: number): string => `sip:user${index}@${DOMAIN}`;

const publicationOf = (index: number, document: PresenceDocument): Publication => ({
  presentity: parsePresentityId(`user${index}@${DOMAIN}`),
  sip: parseSipAor(aorOf(index)),
  document,
  locale: "en",
});

async function publishAll(
  publisher: PresencePublisher,
  users: number,
  document: PresenceDocument,
): Promise<{ readonly duration: number; readonly lost: number }> {
  const { signal } = new AbortController();
  const publications = Array.from({ length: users }, (_, index) => publicationOf(index, document));
  const begin = performance.now();
  const results = await Promise.allSettled(publications.map((each) => publisher.publish(each, signal)));
  const duration = (performance.now() - begin) / 1000;
  return { duration, lost: results.filter(({ status }) => status === "rejected").length };
}

/** Of those who are watched: how many are not shown in a meeting, or with a document of somebody else. */
async function countWrong({ clientPort }: Kamailio, users: number): Promise<number> {
  const client = await openSipClient({ port: clientPort, transport: "tcp" });
  const step = Math.max(1, Math.floor(users / WATCHED));
  let wrong = 0;
  for (let index = 0; index < users; index += step) {
    const aor = aorOf(index);
    const watcher = await client.watch(aor);
    const isRight = (document: string): boolean =>
      document.includes(`entity="${aor}"`) &&
      document.includes(`<contact>${aor}<`) &&
      document.includes("<rpid:meeting/>");
    await watcher.waitFor(isRight, "in a meeting", 5000).catch(() => wrong++);
    watcher.end();
  }
  client.close();
  return wrong;
}
