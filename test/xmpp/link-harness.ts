import { parseBareJid } from "../../src/core/addresses.ts";
import type { LinkEvent } from "../../src/ports/xmpp-link.ts";
import { ComponentLink, type ComponentLinkOptions } from "../../src/xmpp/component-link.ts";
import { ScriptedXmppServer, type XmppServerScript } from "../doubles/scripted-xmpp-server.ts";
import { createTestRuntime, type TestRuntime } from "../doubles/test-runtime.ts";

/** A link to a scripted server, both ended by `close`. */
export interface LinkHarness {
  readonly server: ScriptedXmppServer;
  readonly link: ComponentLink;
  readonly runtime: TestRuntime;
  /** Aborts at `close`. */
  readonly signal: AbortSignal;
  /** Resolves with the next event that fits, from the moment of the call (the present state included). */
  event(fits: (event: LinkEvent) => boolean): Promise<LinkEvent>;
  close(): Promise<void>;
}

/** Starts both; does not wait for the connection. */
export async function startLink(
  script: Partial<XmppServerScript> = {},
  options: Partial<ComponentLinkOptions> = {},
): Promise<LinkHarness> {
  const server = await new ScriptedXmppServer(script).start();
  const runtime = createTestRuntime();
  const domains = [{ domain: parseBareJid("example.test"), actsBy: "auto" as const }];
  const domain = parseBareJid(server.script.component);
  const link = new ComponentLink(
    { host: "127.0.0.1", port: server.port, domain, secret: "a secret", domains, ...options },
    runtime,
  );
  const lifetime = new AbortController();
  link.start();
  return {
    server,
    link,
    runtime,
    signal: lifetime.signal,
    event: (fits) => nextEvent(link, fits, lifetime.signal),
    close: async () => {
      lifetime.abort();
      await link.stop();
      await server.stop();
    },
  };
}

async function nextEvent(
  link: ComponentLink,
  fits: (event: LinkEvent) => boolean,
  signal: AbortSignal,
): Promise<LinkEvent> {
  for await (const event of link.watch(AbortSignal.any([signal, AbortSignal.timeout(5000)]))) {
    if (fits(event)) return event;
  }
  throw new Error("the link's events ended");
}

/** Fits the event that says how the gateway may act. */
export const acts =
  (actsBy: "privilege" | "trusted" | "none") =>
  (event: LinkEvent): boolean =>
    event.kind === "access" && event.access.actsBy === actsBy;

/** Fits `online`. */
export const isOnlineEvent = (event: LinkEvent): boolean => event.kind === "online";

/** Fits `offline` after a connection. */
export const isOfflineEvent = (event: LinkEvent): boolean => event.kind === "offline";
