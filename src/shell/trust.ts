import { openTunnel, proxyConnector } from "../../plugins/shared-http/proxy-tunnel.ts";
import { warnOfExpiries } from "../admin/certificates/expiry-warnings.ts";
import { LiveTrust, type OpenTunnel } from "../admin/certificates/live-trust.ts";
import type { BareJid } from "../core/addresses.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { XmppLink } from "../ports/xmpp-link.ts";
import type { Store } from "../store/open-store.ts";
import { readSystemAnchors } from "./system-anchors.ts";

/** What is trusted now: the system's authorities and what the store holds. Rejects with GatewayError (`store-…`). */
export async function loadTrust(
  store: Pick<Store, "trust" | "registry">,
  runtime: Pick<Runtime, "clock" | "log" | "random">,
  environment: NodeJS.ProcessEnv,
): Promise<LiveTrust> {
  const system = readSystemAnchors(environment);
  const trust = new LiveTrust({ store: store.trust, registry: store.registry, runtime, system, openTunnel: tunnel });
  await trust.load();
  return trust;
}

/** As certificates are examined: each time by a connection of its own. */
const tunnel: OpenTunnel = (proxy, server, { trust, ca }, signal) =>
  openTunnel(proxy, server, proxyConnector(trust, ca), signal);

/** Lets changes of the trust store take effect and warns of expiries; the returned function ends both. */
export function keepTrust(
  trust: LiveTrust,
  {
    store,
    ...deps
  }: { readonly store: Store; readonly link: XmppLink; readonly admins: readonly BareJid[]; readonly runtime: Runtime },
): () => Promise<void> {
  const stop = new AbortController();
  const loops = [trust.follow(stop.signal), warnOfExpiries({ ...deps, store: store.trust }, stop.signal)];
  return async () => {
    stop.abort(new Error("the gateway is stopping"));
    await Promise.all(loops);
  };
}
