import { SipClients, type SipClientsOptions } from "../../../plugins/clients-sip/sip-clients.ts";
import { type PresentityId, parsePresentityId, parseSipAor } from "../../../src/core/addresses.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../../src/core/texts.ts";
import type { ClientChange } from "../../../src/ports/client-presence-source.ts";
import { PresenceServer } from "../../doubles/sip/presence-server.ts";
import { createTestRuntime, type TestRuntime } from "../../doubles/test-runtime.ts";

export const ALICE = parsePresentityId("alice@example.com");
export const ALICE_SIP = parseSipAor("sip:alice@example.com");
export const BOB = parsePresentityId("bob@example.com");
export const BOB_SIP = parseSipAor("sip:bob@example.com");

/** A presence server with the gateway's subscriber to it, and what it tells. */
export interface PhonesStage {
  readonly runtime: TestRuntime;
  readonly server: PresenceServer;
  readonly source: SipClients;
  readonly changes: ClientChange[];
  /** What has changed since the last call, in short. */
  told(): string[];
  watch(): ClientChange[];
  close(): Promise<void>;
}

/** Starts the source, which follows alice unless told otherwise. */
export async function startPhones(
  options: Partial<SipClientsOptions> & { readonly prepare?: (server: PresenceServer) => void } = {},
): Promise<PhonesStage> {
  const { prepare, ...rest } = options;
  const runtime = createTestRuntime();
  const server = new PresenceServer(runtime.clock);
  prepare?.(server);
  const source = new SipClients(
    { events: ["presence", "dialog"], perSecond: 100, reservedTexts: reservedTexts(TEXT_CATALOGUE), ...rest },
    async () => server.connect(),
    runtime,
  );
  const lifetime = new AbortController();
  const watch = (): ClientChange[] => {
    const changes: ClientChange[] = [];
    const watching = async (): Promise<void> => {
      for await (const change of source.watchClients(lifetime.signal)) changes.push(change);
    };
    watching().catch((error: unknown) => {
      if (!lifetime.signal.aborted) throw error;
    });
    return changes;
  };
  source.follow([{ presentity: ALICE, sip: ALICE_SIP }]);
  const changes = watch();
  await runtime.clock.advance(0);
  await source.start(lifetime.signal);
  await runtime.clock.advance(200);
  let seen = 0;
  return {
    runtime,
    server,
    source,
    changes,
    told: () => {
      const fresh = changes.slice(seen);
      seen = changes.length;
      return fresh.map(describeChange);
    },
    watch,
    close: async () => {
      lifetime.abort();
      await source.stop();
    },
  };
}

const nameOf = (presentity: PresentityId): string => presentity.slice(0, presentity.indexOf("@"));

function describeChange(change: ClientChange): string {
  switch (change.kind) {
    case "present":
      return `${nameOf(change.presentity)} ${change.presence.resource} ${change.presence.show}`;
    case "gone":
      return `${nameOf(change.presentity)} ${change.resource} gone`;
    case "phone":
      return `${nameOf(change.presentity)} ${change.phone ? "in a call" : "in no call"}`;
    case "claim":
      return `${nameOf(change.presentity)} claims by ${change.carrier}`;
    case "reset":
    case "settled":
      return change.kind;
  }
}
