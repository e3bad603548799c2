import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { listenOnLoopback } from "../listen-on-loopback.ts";
import { createTlsAuthority, type TlsAuthority } from "../tls-authority.ts";
import { textOf } from "./cloud-web-client.ts";
import type { MicrosoftCloud } from "./microsoft-cloud.ts";

/** A cloud that is heard at a port of this machine, by TLS of a private authority. */
export interface CloudFront {
  /** `https://localhost:<port>`: of tokens and of Graph. */
  readonly url: string;
  /** The authority's certificate. */
  readonly caPem: string;
  /** Connections so far. */
  readonly connections: number;
  stop(): Promise<void>;
}

/** Starts the front on 127.0.0.1. */
export async function startCloudFront(
  cloud: MicrosoftCloud,
  authority: TlsAuthority = createTlsAuthority(),
): Promise<CloudFront> {
  const server = createServer({ ...authority.issue({ names: ["localhost"] }) }, (request, response) => {
    serve(cloud, request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => undefined); // clients that refuse hang up
  const port = await listenOnLoopback(server);
  return {
    url: `https://localhost:${port}`,
    caPem: authority.caPem,
    get connections() {
      return connections;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function serve(cloud: MicrosoftCloud, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
  const answer = await cloud.handle({
    method: request.method ?? "",
    url: new URL(request.url ?? "/", `https://${request.headers.host}`),
    headers: new Map(headers),
    body: Buffer.concat(chunks).toString("utf8"),
  });
  response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
  response.end(textOf(answer));
}
