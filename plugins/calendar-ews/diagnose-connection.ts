import { lookup } from "node:dns/promises";
import { createConnection } from "node:net";
import { type Mailbox, parseMailbox } from "../../src/core/addresses.ts";
import { trustedConnector } from "../shared-http/trusted-connector.ts";
import { type Diagnosed, type DiagnosisStep, fetchOne } from "./diagnosis-step.ts";
import type { EwsClient } from "./ews-client.ts";
import { concernsMailbox } from "./ews-errors.ts";
import { probeHttp } from "./http-probe.ts";
import { examineTls, tlsStatus } from "./tls-examination.ts";

// T1, T2: what the guides for administrators tell by ping is told here by an answer to HTTP.
const PINGABLE = "Exchange Reachability (pingable)";
const unreachable = (): string => "Exchange Reachability (unreachable)";

/** The steps up to a login, each of which needs those before it. */
export function connectionSteps(server: Diagnosed, mailbox: Mailbox | undefined): readonly DiagnosisStep[] {
  const { url, trust, terms, route, client } = server;
  // With a proxy it is the proxy who looks the server up and connects to it.
  const next = route?.proxy.url ?? url;
  const host = next.host;
  const target = { host: url.hostname, port: portOf(url) };
  const tls: DiagnosisStep = {
    name: "TLS",
    attempt: (signal) => examineTls({ ...target, proxy: route?.proxy }, { trust, terms }, signal),
    status: tlsStatus,
  };
  return [
    { name: "DNS", attempt: () => resolveName(next), host, status: unreachable },
    { name: "TCP", attempt: (signal) => connectTcp(next, signal), host, status: unreachable },
    ...(route ? [proxyStep(route, target)] : []),
    ...(url.protocol === "https:" ? [tls] : []),
    {
      name: "HTTP",
      attempt: async (signal) => `${PINGABLE}: ${await probeHttp(url, trustedConnector(trust, terms, route), signal)}`,
      status: unreachable,
    },
    { name: "login", attempt: (signal) => login(server, mailbox, signal) },
    { name: "version", attempt: async () => versionOf(client) },
  ];
}

function proxyStep(
  route: NonNullable<Diagnosed["route"]>,
  target: { readonly host: string; readonly port: number },
): DiagnosisStep {
  return {
    name: "proxy",
    attempt: async (signal) => {
      const socket = await route.openNow(target, signal);
      socket.destroy();
      const { url, user } = route.proxy;
      return `${url.host} connects to ${target.host} port ${target.port}${user === undefined ? "" : `, logged in as ${user}`}`;
    },
    status: unreachable,
  };
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");
const portOf = (url: URL): number => Number(url.port || (url.protocol === "https:" ? 443 : 80));

async function resolveName(url: URL): Promise<string> {
  const found = await lookup(hostOf(url), { all: true });
  return `${hostOf(url)} is ${found.map(({ address }) => address).join(", ")}`;
}

function connectTcp(url: URL, signal: AbortSignal): Promise<string> {
  const port = portOf(url);
  const socket = createConnection({ host: hostOf(url), port });
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<string>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => resolve(`connected to ${socket.remoteAddress} port ${port}`));
  }).finally(() => {
    signal.removeEventListener("abort", abort);
    socket.destroy();
  });
}

/** Any answer that is EWS proves the login; which mailbox is asked for does not matter, so it may be one that is none. */
async function login(server: Diagnosed, mailbox: Mailbox | undefined, signal: AbortSignal): Promise<string> {
  try {
    await fetchOne(server, mailbox ?? anyMailbox(server.login.name), signal);
  } catch (error) {
    if (!concernsMailbox(error)) throw error;
  }
  const { loginName } = server.client;
  return `${server.login.name} may use EWS${loginName === undefined ? "" : ` (${loginName})`}`;
}

function anyMailbox(account: string): Mailbox {
  return parseMailbox(/^[\w.-]+@[\w-]+(?:\.[\w-]+)+$/.test(account) ? account : "nobody@example.invalid");
}

const versionOf = ({ serverVersion, requestVersion }: EwsClient): string =>
  `${serverVersion ? `Exchange ${serverVersion}` : "the server does not tell its version"}, asked as ${requestVersion}`;
