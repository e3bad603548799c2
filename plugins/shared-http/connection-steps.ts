import { lookup } from "node:dns/promises";
import { withoutBrackets } from "../../src/lib/host.ts";
import type { Instant } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import type { DiagnosisStep, StepFinding } from "./diagnosis-step.ts";
import { type HttpProbe, probeHttp } from "./http-probe.ts";
import { openSocket } from "./open-socket.ts";
import type { ProxyRoute } from "./proxy-route.ts";
import type { TunnelTarget } from "./proxy-tunnel.ts";
import { examineTls, tlsStatus } from "./tls-examination.ts";
import { trustedConnector } from "./trusted-connector.ts";

// T1, T2: what the guides for administrators tell by ping is told here by an answer to HTTP.
const PINGABLE = "Exchange Reachability (pingable)";
/** The status of a step that found no way to the server (T2). */
export const unreachable = (): string => "Exchange Reachability (unreachable)";

/** A server that is spoken to by HTTP. */
export interface HttpServer {
  readonly url: URL;
  readonly trust: Trust;
  readonly terms: TlsTerms;
  /** By what proxy, if any. */
  readonly route: ProxyRoute | undefined;
  readonly probe: HttpProbe;
  readonly clock: Pick<Clock, "now">;
  /** The error for a certificate that is not acceptable. */
  readonly refuse: (text: string) => GatewayError;
}

/** The steps up to a login: DNS, TCP, the proxy where there is one, TLS where the URL has it, HTTP. */
export function connectionSteps(server: HttpServer): readonly DiagnosisStep[] {
  const { url, trust, terms, route, probe, clock, refuse } = server;
  // With a proxy it is the proxy who looks the server up and connects to it.
  const next = route?.proxy.url ?? url;
  const host = next.host;
  const target = { host: url.hostname, port: portOf(url) };
  const tls: DiagnosisStep = {
    name: "TLS",
    attempt: (signal) => examineTls({ ...target, proxy: route?.proxy }, { trust, terms, refuse }, signal),
    status: tlsStatus,
  };
  const connect = trustedConnector(trust, terms, route);
  return [
    { name: "DNS", attempt: () => resolveName(next), host, status: unreachable },
    { name: "TCP", attempt: (signal) => connectTcp(next, signal), host, status: unreachable },
    ...(route ? [proxyStep(route, target)] : []),
    ...(url.protocol === "https:" ? [tls] : []),
    {
      name: "HTTP",
      attempt: async (signal) => {
        const { text, date } = await probeHttp(url, connect, probe, signal);
        return withClocks(`${PINGABLE}: ${text}`, date, clock.now());
      },
      status: unreachable,
    },
  ];
}

/** Meetings begin and end by this machine's clock: less than this is not seen. In seconds. */
const CLOCKS_APART = 30;

/** The finding, as a warning where the server's clock (`Date`) and this machine's differ. Pure. */
export function withClocks(found: string, date: string | undefined, now: Instant): StepFinding {
  const apart = Math.round((Date.parse(date ?? "") - now) / 1000);
  if (Number.isNaN(apart) || Math.abs(apart) < CLOCKS_APART) return found;
  const behind = apart > 0 ? "behind" : "ahead of";
  const detail = `${found}; this machine's clock is ${Math.abs(apart)} s ${behind} the server's: meetings begin and end by it; set both by NTP`;
  return { detail, isWarning: true };
}

const proxyStep = (route: ProxyRoute, target: TunnelTarget): DiagnosisStep => ({
  name: "proxy",
  attempt: (signal) => openTunnel(route, target, signal),
  status: unreachable,
});

/** Has the proxy connect to the target, and hangs up. */
export async function openTunnel(route: ProxyRoute, target: TunnelTarget, signal: AbortSignal): Promise<string> {
  const socket = await route.openNow(target, signal);
  socket.destroy();
  const { url, user } = route.proxy;
  return `${url.host} connects to ${target.host} port ${target.port}${user === undefined ? "" : `, logged in as ${user}`}`;
}

const hostOf = (url: URL): string => withoutBrackets(url.hostname);
const portOf = (url: URL): number => Number(url.port || (url.protocol === "https:" ? 443 : 80));

/** The addresses of the URL's host, in words. */
export async function resolveName(url: URL): Promise<string> {
  const found = await lookup(hostOf(url), { all: true });
  return `${hostOf(url)} is ${found.map(({ address }) => address).join(", ")}`;
}

/** Connects to the URL's host and hangs up. */
export async function connectTcp(url: URL, signal: AbortSignal): Promise<string> {
  const port = portOf(url);
  const socket = await openSocket({ host: hostOf(url), port }, undefined, signal);
  const { remoteAddress } = socket;
  socket.destroy();
  return `connected to ${remoteAddress} port ${port}`;
}
