import { PublicationAgent } from "../../plugins/publish-sip/publication-agent.ts";
import { PublicationMemory } from "../../plugins/publish-sip/publication-memory.ts";
import { reduceForPidf } from "../../plugins/publish-sip/reduce-document.ts";
import { encodePidf } from "../../plugins/shared-sip/documents/encode-pidf.ts";
import { seconds } from "../../src/lib/time.ts";
import type { PresencePublisher } from "../../src/ports/presence-publisher.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { TestMemory } from "../doubles/plugin-context.ts";
import type { PresenceServer } from "../doubles/sip/presence-server.ts";

/** The SIP publisher's agent and documents, over a server in this process instead of a connection. */
export function createAgentPublisher(server: PresenceServer, runtime: Runtime): PresencePublisher {
  const connection = server.connect();
  const deps = { server: connection, encode: encodePidf, runtime, memory: new PublicationMemory(new TestMemory()) };
  const agent = new PublicationAgent(deps, { expires: seconds(3600), perSecond: 500, window: 200 });
  return {
    name: "sip",
    capabilities: {
      addressType: "sip",
      isSoftState: true,
      carries: new Set(["show", "activity", "note"]),
      window: 200,
    },
    start: async () => {
      connection.start();
      agent.connected(true);
    },
    stop: () => agent.stop(seconds(1)),
    health: () => ({ state: "ok" }),
    reduce: reduceForPidf,
    publish: async (publication, signal) => {
      if (publication.sip) await agent.offer(publication.sip, publication, signal);
      return {};
    },
    retract: async ({ sip }, signal) => {
      if (sip) await agent.offer(sip, undefined, signal);
    },
    epoch: () => "run",
    watchEpoch: async function* (signal) {
      yield "run";
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
}
