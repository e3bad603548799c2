import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { listenOnLoopback } from "./listen-on-loopback.ts";

/** How a proxy behaves; without anything it connects whoever asks. */
export interface ProxyScript {
  /** Basic is wanted: `user:password`. */
  readonly login?: string;
  /** The login schemes it names in a 407. */
  readonly schemes?: readonly string[];
  /** HTTP status of every answer, without a tunnel. */
  readonly status?: number;
  /** What it does in place of an answer. */
  readonly instead?: "hang" | "close" | { readonly say: string };
  /** It closes each tunnel after so many bytes from the server. */
  readonly cutAfter?: number;
  /** It is spoken to by TLS, with this key and certificate (PEM). */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A running proxy. */
export interface ConnectProxy {
  readonly url: string;
  /** `host:port` of each CONNECT, whatever came of it. */
  readonly asked: readonly string[];
  /** Whether each of them had a login with it. */
  readonly logins: readonly boolean[];
  /** May be changed at any time. */
  script: ProxyScript;
  stop(): Promise<void>;
}

/** Starts an HTTP proxy for CONNECT on 127.0.0.1; every name leads to 127.0.0.1. */
export async function startConnectProxy(script: ProxyScript = {}): Promise<ConnectProxy> {
  const server = script.tls ? createTlsServer(script.tls) : createServer();
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const logins: boolean[] = [];
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
    sockets.add(socket);
  });
  const proxy: ConnectProxy = { url: "", asked, logins, script, stop };
  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    asked.push(request.url ?? "");
    logins.push("proxy-authorization" in request.headers);
    client.on("error", () => client.destroy());
    if (answer(request, client, proxy.script)) join(request, client, head, proxy.script);
  });
  const port = await listenOnLoopback(server);
  async function stop(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
  return Object.assign(proxy, { url: `${script.tls ? "https" : "http"}://localhost:${port}` });
}

/** Whether there is to be a tunnel. */
function answer(request: IncomingMessage, client: Duplex, script: ProxyScript): boolean {
  const { instead, status, login, schemes = ['Basic realm="proxy"'] } = script;
  if (instead === "hang") return false;
  if (instead !== undefined) {
    client.end(instead === "close" ? "" : instead.say);
    return false;
  }
  const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`;
  if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted) {
    const challenges = schemes.map((scheme) => `Proxy-Authenticate: ${scheme}\r\n`).join("");
    client.end(`HTTP/1.1 407 Proxy Authentication Required\r\n${challenges}Content-Length: 0\r\n\r\n`);
    return false;
  }
  if (status !== undefined) client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
  return status === undefined;
}

function join(request: IncomingMessage, client: Duplex, head: Buffer, { cutAfter = Infinity }: ProxyScript): void {
  const port = Number(/:(\d+)$/.exec(request.url ?? "")?.[1]);
  const server = connect(port, "127.0.0.1", () => {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    server.write(head);
    client.pipe(server);
  });
  let passed = 0;
  server.on("data", (bytes) => {
    passed += bytes.length;
    if (passed > cutAfter) client.destroy();
    else client.write(bytes);
  });
  server.on("error", () => client.destroy()).on("close", () => client.destroy());
  client.on("close", () => server.destroy());
}
