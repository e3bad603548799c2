import { createServer } from "node:net";
import { listenOnLoopback } from "../doubles/listen-on-loopback.ts";

/** So many TCP ports of 127.0.0.1 that nobody listens on just now, all different: each is held until all are found. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const held = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(held.map((server) => listenOnLoopback(server)));
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** One of them. */
export async function findFreePort(): Promise<number> {
  const [port = 0] = await findFreePorts(1);
  return port;
}
