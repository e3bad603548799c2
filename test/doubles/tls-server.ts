import { createServer as createTcpServer, type Server } from "node:net";
import { createServer, DEFAULT_CIPHERS } from "node:tls";
import type { MadeCertificate } from "./certificate-maker.ts";
import { listenOnLoopback } from "./listen-on-loopback.ts";

/** A server on loopback. */
export interface LoopbackServer {
  readonly port: number;
  close(): void;
}

/** A TLS server that shows these certificates, its own first, and says nothing; weak ones too. */
export async function startTlsServer(chain: readonly MadeCertificate[]): Promise<LoopbackServer> {
  const server = createServer(
    {
      cert: chain.map(({ pem }) => pem).join(""),
      key: chain[0]?.keyPem ?? "",
      ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0`,
    },
    (socket) => socket.on("error", () => socket.destroy()),
  );
  server.on("tlsClientError", () => undefined); // clients that refuse hang up
  return listen(server);
}

/** A server that is none for TLS: it answers with the text, or never. */
export const startPlainServer = (answer?: string): Promise<LoopbackServer> =>
  listen(
    createTcpServer((socket) => {
      socket.on("error", () => socket.destroy());
      if (answer !== undefined) socket.end(answer);
    }),
  );

async function listen(server: Server): Promise<LoopbackServer> {
  const sockets = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return {
    port: await listenOnLoopback(server),
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
