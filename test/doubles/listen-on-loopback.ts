import { once } from "node:events";
import type { Server } from "node:net";

/** Listens on 127.0.0.1, on a free port where none is given; resolves with the port. Rejects when it is taken. */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
