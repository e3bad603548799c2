import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Bound, Reception } from "./notification-http.ts";
import { parseDatagram } from "./parse-datagram.ts";

/** Listens for NOTIFY over UDP, which is never answered; rejects with the error of the system. */
export async function listenDatagrams(
  { host, port }: { readonly host: string; readonly port: number },
  { endpoints, refusals }: Reception,
): Promise<Bound> {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address: host, port, exclusive: true }, resolve);
  });
  socket.on("error", () => refusals.count("malformed")); // of one datagram: the socket goes on
  socket.on("message", (bytes, { address }) => {
    const request = parseDatagram(bytes);
    const endpoint = request && endpoints.find(request.path);
    if (!request || !endpoint) refusals.count(request ? "unknownPath" : "malformed");
    else if (endpoint.isSource(address)) endpoint.receive({ headers: request.headers, body: request.body });
    else refusals.count("unknownSource");
  });
  return { port: socket.address().port, close: () => new Promise((resolve) => socket.close(() => resolve())) };
}
