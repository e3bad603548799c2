import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { NotificationAnswer } from "../ports/notification-listener.ts";
import type { Endpoint, Endpoints, RefusalCounts } from "./notification-endpoints.ts";
import { plainAddress } from "./source-list.ts";

/** How much is taken, so that nobody can use up memory or connections; times in milliseconds. */
export interface HttpLimits {
  readonly bodyBytes: number;
  readonly headersTime: number;
  readonly requestTime: number;
  readonly idleTime: number;
  readonly connections: number;
  readonly connectionsOfOne: number;
}

/** 200 mailboxes of a busy server's notifications stay far below; a server that is well sends at once. */
export const HTTP_LIMITS: HttpLimits = {
  bodyBytes: 256 * 1024,
  headersTime: 5000,
  requestTime: 10_000,
  idleTime: 60_000,
  connections: 512,
  connectionsOfOne: 128,
};
const LARGEST_HEAD = 16_384;
const MOST_REQUESTS = 10_000; // on one connection
const CHECK_INTERVAL = 1000; // how often overdue requests are looked for

/** What stands behind a port. */
export interface Reception {
  readonly endpoints: Endpoints;
  readonly refusals: RefusalCounts;
}

/** An open port. */
export interface Bound {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens for POSTs over HTTP/1.1; rejects with the error of the system. */
export async function listenHttp(
  place: { readonly host: string; readonly port: number },
  reception: Reception,
  limits = HTTP_LIMITS,
): Promise<Bound> {
  const server = createServer(
    {
      headersTimeout: limits.headersTime,
      requestTimeout: limits.requestTime,
      keepAliveTimeout: limits.idleTime,
      connectionsCheckingInterval: CHECK_INTERVAL,
      maxHeaderSize: LARGEST_HEAD,
    },
    (request, response) => answer(request, response, reception, limits),
  );
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = MOST_REQUESTS;
  server.timeout = limits.idleTime;
  guardConnections(server, reception, limits);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...place, exclusive: true }, resolve);
  });
  server.on("error", () => reception.refusals.count("tooManyConnections")); // one could not be accepted: others can
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : place.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function guardConnections(server: Server, { endpoints, refusals }: Reception, limits: HttpLimits): void {
  const perSource = new Map<string, number>();
  server.on("drop", () => refusals.count("tooManyConnections"));
  server.on("clientError", (_, socket) => {
    refusals.count("malformed");
    socket.destroy();
  });
  server.on("connection", (socket: Socket) => {
    const source = plainAddress(socket.remoteAddress ?? "");
    const count = (perSource.get(source) ?? 0) + 1;
    perSource.set(source, count);
    socket.once("close", () => {
      const left = (perSource.get(source) ?? 0) - 1;
      if (left > 0) perSource.set(source, left);
      else perSource.delete(source);
    });
    const isKnown = endpoints.isAnySource(source);
    if (isKnown && count <= limits.connectionsOfOne) return;
    refusals.count(isKnown ? "tooManyConnections" : "unknownSource");
    socket.destroy();
  });
}

function answer(request: IncomingMessage, response: ServerResponse, reception: Reception, limits: HttpLimits): void {
  const { endpoints, refusals } = reception;
  const endpoint = endpoints.find(request.url ?? "");
  if (!endpoint?.isSource(request.socket.remoteAddress ?? "")) {
    refusals.count(endpoint ? "unknownSource" : "unknownPath");
    refuse(response, 404);
  } else if (request.method !== "POST") {
    refusals.count("wrongMethod");
    refuse(response, 405);
  } else readBody(request, response, { endpoint, refusals, limit: limits.bodyBytes });
}

/** Nobody who is refused is listened to any longer, so the connection ends. */
function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": 0, connection: "close" });
  response.end(() => response.socket?.destroy());
}

interface Reading {
  readonly endpoint: Endpoint;
  readonly refusals: RefusalCounts;
  readonly limit: number;
}

function readBody(request: IncomingMessage, response: ServerResponse, { endpoint, refusals, limit }: Reading): void {
  const chunks: Buffer[] = [];
  let size = Number(request.headers["content-length"] ?? 0) > limit ? Number.POSITIVE_INFINITY : 0;
  const refuseTooLarge = (): void => {
    request.removeAllListeners("data");
    refusals.count("tooLarge");
    refuse(response, 413);
  };
  if (size > limit) {
    refuseTooLarge();
    return;
  }
  request.on("error", () => undefined); // the connection was lost: there is nobody to answer
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) refuseTooLarge();
    else chunks.push(chunk);
  });
  request.on("end", () => {
    if (size <= limit) send(response, endpoint.receive({ headers: headersOf(request), body: Buffer.concat(chunks) }));
  });
}

const headersOf = ({ headers }: IncomingMessage): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );

function send(response: ServerResponse, { status, contentType, body }: NotificationAnswer): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
