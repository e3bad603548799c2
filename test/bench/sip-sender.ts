/** The gateway's side of the SIP bench, in a process of its own: the engine with its store, or the publisher alone. */
import { setTimeout as pause } from "node:timers/promises";
import publishSip from "../../plugins/publish-sip/index.ts";
import type { EncodeDocument } from "../../plugins/publish-sip/send-publication.ts";
import { SipPublisher } from "../../plugins/publish-sip/sip-publisher.ts";
import { encodePidf } from "../../plugins/shared-sip/documents/encode-pidf.ts";
import { IN_A_MEETING, type PresenceDocument } from "../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { hours, instant, plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { readParameters } from "../../src/ports/parameters.ts";
import type { PluginMemory } from "../../src/ports/plugin-memory.ts";
import type { PresencePublisher, Publication } from "../../src/ports/presence-publisher.ts";
import { createMetrics } from "../../src/shell/exposed-metrics.ts";
import { beginYoung } from "../../src/shell/heap-growth.ts";
import { createLog, createRuntime } from "../../src/shell/runtime.ts";
import { openStore } from "../../src/store/open-store.ts";
import { FakeLink } from "../admin/fake-link.ts";
import { createInboundContext } from "../doubles/plugin-context.ts";
import { createTestTrust } from "../doubles/trust.ts";
import { aorOf, presentityOf } from "./sip-population.ts";
import { SENDER_ORDER, type SenderOrder, type SipReport } from "./sip-protocol.ts";

beginYoung();
const UNPACED = 100_000;
const tell = (report: SipReport): void => void process.send?.(report);
const order = SENDER_ORDER.parse(JSON.parse(process.argv[2] ?? "{}"));
const runtime = createRuntime(createLog("warn"), createMetrics());
const FORGETFUL: PluginMemory = { load: () => new Map(), put: () => undefined, delete: () => undefined };

function createPublisher(memory: PluginMemory, limits: { max_per_second: number; window: number }): PresencePublisher {
  const options = publishSip.options.parse({ server: `127.0.0.1:${order.port}`, transport: "tcp", ...limits });
  return publishSip.create(options, {
    ...createInboundContext(),
    name: "sip",
    runtime,
    parameters: readParameters(() => ({})),
    xmpp: new FakeLink(),
    trust: createTestTrust(),
    memory,
  });
}

async function startGateway(path: string, publisherOf: (memory: PluginMemory) => PresencePublisher): Promise<void> {
  const store = openStore({ path, runtime });
  const publisher = publisherOf(store.memoryOf({ kind: "publish", name: "sip" }));
  const gateway = new Gateway({
    runtime,
    registry: store.registry,
    journal: store.journal,
    parameters: new LiveParameters(store.registry),
    reservedTexts: reservedTexts(TEXT_CATALOGUE),
    publishers: [publisher],
    clientSources: [],
    createCalendarSource: () => {
      throw new GatewayError("there is no calendar server", { type: "cancel", code: "calendar-type-unknown" });
    },
    alert: () => undefined,
    isConnected: () => true,
  });
  await gateway.start();
}

const publishedOf = (publisher: PresencePublisher): number =>
  Number(publisher.describe?.().find(([name]) => name === "published")?.[1]);

async function untilPublished(publisher: PresencePublisher, users: number): Promise<void> {
  while (publishedOf(publisher) < users) await pause(50);
}

/** Everybody's state of before their meeting, as fast as it goes. */
async function fill({ store, users }: Extract<SenderOrder, { mode: "fill" }>): Promise<void> {
  let publisher: PresencePublisher | undefined;
  await startGateway(store, (memory) => {
    publisher = createPublisher(memory, { max_per_second: UNPACED, window: 1000 });
    return publisher;
  });
  if (publisher) await untilPublished(publisher, users);
  await pause(3000); // what was published is durable two seconds later
  tell({ kind: "ready" });
}

/** Everybody's meeting begins at one instant; the publisher spreads what is due over a minute. */
async function runPaced({ store, users, first, perSecond }: Extract<SenderOrder, { mode: "paced" }>): Promise<void> {
  const latencies: number[] = [];
  const sentAt = new Map<string, number>();
  let done: () => void = () => undefined;
  const complete = new Promise<void>((resolve) => {
    done = resolve;
  });
  await startGateway(store, (memory) => {
    const settings = { server: `127.0.0.1:${order.port}`, transport: "tcp", expires: hours(1), window: 200 } as const;
    // The document is written when its turn to be sent has come.
    const encode: EncodeDocument = (publication, aor) => {
      sentAt.set(aor, performance.now());
      return encodePidf(publication, aor);
    };
    const publisher = new SipPublisher({ ...settings, perSecond }, encode, {
      runtime,
      trust: createTestTrust(),
      memory,
    });
    const publish = publisher.publish.bind(publisher);
    publisher.publish = async (publication, signal) => {
      const receipt = await publish(publication, signal);
      if (publication.document.activity) latencies.push(performance.now() - (sentAt.get(publication.sip ?? "") ?? 0));
      if (latencies.length === users) done();
      return receipt;
    };
    return publisher;
  });
  tell({ kind: "ready" });
  await pause(first - Date.now() - 500);
  const before = process.cpuUsage();
  const began = performance.now();
  await complete;
  const { user, system } = process.cpuUsage(before);
  tell({ kind: "paced", cpu: (user + system) / 1e6, elapsed: (performance.now() - began) / 1000, latencies });
}

const MEETING: PresenceDocument = {
  show: "dnd",
  source: "calendar",
  text: "in-a-meeting",
  activity: IN_A_MEETING,
  until: plus(instant(Date.now()), hours(1)),
};

const publicationOf = (user: number, document: PresenceDocument): Publication => ({
  presentity: presentityOf(user),
  document,
  locale: "en",
  sip: aorOf(user),
});

interface Publishing {
  readonly users: number;
  readonly atOnce: number;
  /** What is shown of the next user. */
  readonly document: () => PresenceDocument;
}

function publishAll(publisher: PresencePublisher, { users, atOnce, document }: Publishing): () => Promise<void> {
  const { signal } = new AbortController();
  const publications = Array.from({ length: users }, (_, user) => publicationOf(user, document())).values();
  const work = async (): Promise<void> => {
    for (const publication of publications) await publisher.publish(publication, signal);
  };
  return async () => void (await Promise.all(Array.from({ length: atOnce }, work)));
}

async function startPublisher(window: number): Promise<PresencePublisher> {
  const publisher = createPublisher(FORGETFUL, { max_per_second: UNPACED, window });
  await publisher.start(new AbortController().signal);
  while (publisher.epoch() === undefined) await pause(10);
  return publisher;
}

async function runPeak({ users }: Extract<SenderOrder, { mode: "peak" }>): Promise<void> {
  const publisher = await startPublisher(128);
  // One for all, as the engine gives it when thousands of meetings begin together.
  const publish = publishAll(publisher, { users, atOnce: 128, document: () => MEETING });
  const before = process.cpuUsage();
  const began = performance.now();
  await publish();
  const { user, system } = process.cpuUsage(before);
  const perSecond = (users * 1000) / (performance.now() - began);
  tell({ kind: "peak", perSecond, cpu: (user + system) / 1e6 });
}

async function measureHeap({ users }: Extract<SenderOrder, { mode: "heap" }>): Promise<void> {
  const publisher = await startPublisher(200);
  const own = { atOnce: 200, document: () => ({ ...MEETING }) };
  await publishAll(publisher, { users: 1000, ...own })(); // code and buffers are there
  const before = heap();
  await publishAll(publisher, { users, ...own })();
  tell({ kind: "heap", megabytes: (heap() - before) / 2 ** 20 });
}

function heap(): number {
  for (let count = 0; count < 3; count++) global.gc?.();
  return process.memoryUsage().heapUsed;
}

process.on("disconnect", () => process.exit());
switch (order.mode) {
  case "fill":
    await fill(order);
    break;
  case "paced":
    await runPaced(order);
    break;
  case "peak":
    await runPeak(order);
    break;
  case "heap":
    await measureHeap(order);
    break;
}
