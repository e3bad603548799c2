import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { XmppClients, type XmppClientsOptions } from "../../../plugins/clients-xmpp/xmpp-clients.ts";
import { OverlayPublisher } from "../../../plugins/publish-xmpp-overlay/overlay-publisher.ts";
import { PepPublisher } from "../../../plugins/publish-xmpp-pep/pep-publisher.ts";
import { parseBareJid, parsePresentityId } from "../../../src/core/addresses.ts";
import { IN_A_MEETING, type PresenceDocument } from "../../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../../src/core/texts.ts";
import { hours, instant, plus } from "../../../src/lib/time.ts";
import type { ClientChange } from "../../../src/ports/client-presence-source.ts";
import type { Clock, Runtime } from "../../../src/ports/runtime.ts";
import { ComponentLink } from "../../../src/xmpp/component-link.ts";
import type { ManagedDomain } from "../../../src/xmpp/domain-access.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { connectJabber, type JabberClient } from "../../lab/jabber-client.ts";

export const HOST = "example.test";
export const COMPONENT = { jid: "calendar.example.test", secret: "a secret" };
export const USERS = [
  { name: "alice", password: "alice's" },
  { name: "bob", password: "bob's" },
];
export const ALICE = parsePresentityId("alice@example.test");
export const NOBODY = parsePresentityId("nobody@example.test");

/** Real servers need real time. */
const systemClock: Clock = {
  now: () => instant(Date.now()),
  at: (at, callback) => {
    const timer = setTimeout(callback, Math.max(0, at - Date.now()));
    return () => clearTimeout(timer);
  },
  sleep: (length, signal) => sleep(length, undefined, { signal }),
};

/** The gateway's XMPP side on a real server. */
export interface XmppSite {
  readonly link: ComponentLink;
  readonly pep: PepPublisher;
  readonly overlay: OverlayPublisher;
  readonly clients: XmppClients;
  /** What the source told so far. */
  readonly changes: readonly ClientChange[];
  readonly signal: AbortSignal;
  connect(name: "alice" | "bob"): Promise<JabberClient>;
  /** Ends the gateway's side only. */
  close(): Promise<void>;
}

/** In a meeting for the next hour. */
export const meeting = (): PresenceDocument => ({
  show: "dnd",
  source: "calendar",
  text: "in-a-meeting",
  activity: IN_A_MEETING,
  until: plus(instant(Date.now()), hours(1)),
});

export const FREE: PresenceDocument = { show: "available", source: "client" };

/** Connects the link and starts the plugins; resolves when the gateway knows how it may act. */
export async function startXmppSite(
  server: { readonly componentPort: number; readonly c2sPort: number },
  actsBy: ManagedDomain["actsBy"],
  watchActivity: XmppClientsOptions["watchActivity"] = "auto",
): Promise<XmppSite> {
  const runtime: Runtime = { ...createTestRuntime(), clock: systemClock };
  const domain = parseBareJid(COMPONENT.jid);
  const domains = [{ domain: parseBareJid(HOST), actsBy }];
  const link = new ComponentLink(
    { host: "127.0.0.1", port: server.componentPort, domain, secret: COMPONENT.secret, domains },
    runtime,
  );
  const pep = new PepPublisher(link, TEXT_CATALOGUE);
  const overlay = new OverlayPublisher(link, TEXT_CATALOGUE, runtime.clock);
  const clients = new XmppClients({ watchActivity, reservedTexts: reservedTexts(TEXT_CATALOGUE) }, link, runtime);
  const lifetime = new AbortController();
  const changes: ClientChange[] = [];
  for (const plugin of [pep, overlay, clients]) await plugin.start(lifetime.signal);
  const watching = async (): Promise<void> => {
    for await (const change of clients.watchClients(lifetime.signal)) changes.push(change);
  };
  watching().catch(() => undefined);
  link.start();
  await expect.poll(() => pep.epoch(), { timeout: 10_000 }).not.toBeUndefined();
  const jabber: JabberClient[] = [];
  return {
    link,
    pep,
    overlay,
    clients,
    changes,
    signal: lifetime.signal,
    connect: async (name) => {
      const client = await connectJabber({
        jid: `${name}@${HOST}`,
        password: `${name}'s`,
        port: server.c2sPort,
        resource: "pc",
      });
      jabber.push(client);
      await client.sendPresence();
      return client;
    },
    close: async () => {
      lifetime.abort();
      await Promise.all(
        [...jabber, ...[pep, overlay, clients].map((plugin) => ({ close: () => plugin.stop() }))].map((each) =>
          each.close(),
        ),
      );
      await link.stop();
    },
  };
}
