import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { NotificationAnswer } from "../ports/notification-listener.ts";
import type { Endpoint, Endpoints, RefusalCounts } from "./notification-endpoints.ts";
import { plainAddress } from "./source-list.ts";
import type { ServerCertificate } from "./webhook-certificate.ts";

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
  /** What may stand before an endpoint's own path. */
  readonly basePath?: string;
}

/** An open port. */
export interface Bound {
  readonly port: number;
  close(): Promise<void>;
}

/** An open port whose certificate can be changed while it is open. */
export interface BoundHttp extends Bound {
  readonly setCertificate: (certificate: ServerCertificate) => void;
}

/** Where to listen; with a certificate by TLS. */
export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  readonly certificate?: ServerCertificate;
}

type AnyServer = Server | TlsServer;

/** Listens for POSTs over HTTP/1.1; rejects with the error of the system. */
export async function listenHttp(
  { certificate, ...place }: HttpPlace,
  reception: Reception,
  limits = HTTP_LIMITS,
): Promise<BoundHttp> {
  const server = createHttpServer(certificate, reception, limits);
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = MOST_REQUESTS;
  server.timeout = limits.idleTime;
  const sockets = guardConnections(server, reception, limits);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...place, exclusive: true }, resolve);
  });
  server.on("error", () => reception.refusals.count("tooManyConnections")); // one could not be accepted: others can
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : place.port,
    setCertificate: (next) => {
      if ("setSecureContext" in server) server.setSecureContext({ ...next });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy(); // those in the middle of a TLS handshake too
      }),
  };
}

function createHttpServer(
  certificate: ServerCertificate | undefined,
  reception: Reception,
  limits: HttpLimits,
): AnyServer {
  const options = {
    headersTimeout: limits.headersTime,
    requestTimeout: limits.requestTime,
    keepAliveTimeout: limits.idleTime,
    connectionsCheckingInterval: CHECK_INTERVAL,
    maxHeaderSize: LARGEST_HEAD,
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    answer(request, response, reception, limits);
  if (!certificate) return createServer(options, listener);
  return createTlsServer({ ...options, ...certificate, handshakeTimeout: limits.headersTime }, listener);
}

/** Returns the connections that there are. */
function guardConnections(
  server: AnyServer,
  { endpoints, refusals }: Reception,
  limits: HttpLimits,
): ReadonlySet<Socket> {
  const perSource = new Map<string, number>();
  const sockets = new Set<Socket>();
  server.on("drop", () => refusals.count("tooManyConnections"));
  server.on("clientError", (_, socket) => {
    refusals.count("malformed");
    socket.destroy();
  });
  server.on("connection", (socket: Socket) => {
    const source = plainAddress(socket.remoteAddress ?? "");
    const count = (perSource.get(source) ?? 0) + 1;
    perSource.set(source, count);
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      const left = (perSource.get(source) ?? 0) - 1;
      if (left > 0) perSource.set(source, left);
      else perSource.delete(source);
    });
    const isKnown = endpoints.isAnySource(source);
    if (isKnown && count <= limits.connectionsOfOne) return;
    refusals.count(isKnown ? "tooManyConnections" : "unknownSource");
    socket.destroy();
  });
  return sockets;
}

function answer(request: IncomingMessage, response: ServerResponse, reception: Reception, limits: HttpLimits): void {
  const { endpoints, refusals, basePath = "" } = reception;
  const { path, query } = splitTarget(request.url ?? "", basePath);
  const found = endpoints.find(path);
  const endpoint = query === undefined || found?.takesQuery ? found : undefined;
  if (!endpoint?.isSource(request.socket.remoteAddress ?? "")) {
    refusals.count(endpoint ? "unknownSource" : "unknownPath");
    refuse(response, 404);
  } else if (request.method !== "POST") {
    refusals.count("wrongMethod");
    refuse(response, 405);
  } else readBody(request, response, { endpoint, query, refusals, limit: limits.bodyBytes });
}

/** A reverse proxy may hand on the public path whole, or only what lies below it. */
function splitTarget(target: string, basePath: string): { readonly path: string; readonly query: string | undefined } {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const isBelow = basePath !== "" && path.startsWith(`${basePath}/`);
  return { path: isBelow ? path.slice(basePath.length) : path, query: mark < 0 ? undefined : target.slice(mark + 1) };
}

/** Nobody who is refused is listened to any longer, so the connection ends. */
function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": 0, connection: "close" });
  response.end(() => response.socket?.destroy());
}

interface Reading {
  readonly endpoint: Endpoint;
  readonly query: string | undefined;
  readonly refusals: RefusalCounts;
  readonly limit: number;
}

function readBody(request: IncomingMessage, response: ServerResponse, reading: Reading): void {
  const { endpoint, query, refusals, limit } = reading;
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
    if (size > limit) return;
    const body = Buffer.concat(chunks);
    const headers = headersOf(request);
    send(response, endpoint.receive({ headers, body, ...(query !== undefined && { query }) }));
  });
}

const headersOf = ({ headers }: IncomingMessage): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );

function send(response: ServerResponse, { status, contentType, body }: NotificationAnswer): void {
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "x-content-type-options": "nosniff", // what is echoed is text, whatever it looks like
  });
  response.end(body);
}
