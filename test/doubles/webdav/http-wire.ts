import { IncomingMessage } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** One request, head and body. */
export interface WireRequest {
  /** As node:http would tell it: authenticators look at the headers and at the connection. */
  readonly head: IncomingMessage;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
}

/** What is sent back; `raw` is sent as it is and ends the connection, `never` sends nothing. */
export type WireAnswer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string | readonly string[]>>;
      readonly body?: string;
    }
  | { readonly raw: string }
  | "never";

const REASONS: ReadonlyMap<number, string> = new Map([
  [200, "OK"],
  [204, "No Content"],
  [207, "Multi-Status"],
  [302, "Moved Temporarily"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Resource Not Found"],
  [412, "Precondition Failed"],
  [440, "Login Timeout"],
  [503, "Service Unavailable"],
]);

/**
 * HTTP/1.1 on a TCP server, small and strict: node:http refuses the method POLL. Requests need Content-Length where they
 * have a body; one at a time on a connection.
 */
export function createHttpServer(answer: Answerer, tls?: TlsIdentity): Server {
  const handle = (socket: Socket): void => {
    socket.on("error", () => socket.destroy());
    void serve(socket, answer).catch(() => socket.destroy());
  };
  if (!tls) return createServer(handle);
  // Clients that do not trust the certificate hang up.
  return createTlsServer(tls, handle).on("tlsClientError", () => undefined);
}

/** PEM texts. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

type Answerer = (request: WireRequest) => Promise<WireAnswer> | WireAnswer;

async function serve(socket: Socket, answer: Answerer): Promise<void> {
  let buffer: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    if (chunk instanceof Buffer) buffer = Buffer.concat([buffer, chunk]);
    for (let parsed = parse(buffer, socket); parsed; parsed = parse(buffer, socket)) {
      buffer = parsed.rest;
      // To leave the loop would be to close the connection.
      if (!send(socket, await answer(parsed.request))) await new Promise(() => undefined);
    }
  }
}

/** The first request of the bytes, once it is complete. */
function parse(buffer: Buffer, socket: Socket): { readonly request: WireRequest; readonly rest: Buffer } | undefined {
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [line = "", ...fields] = buffer.subarray(0, end).toString("latin1").split("\r\n");
  const [method = "", path = "", version] = line.split(" ");
  if (version !== "HTTP/1.1") throw new Error(`not HTTP/1.1: ${line}`);
  const headers: Record<string, string> = {};
  for (const field of fields) {
    const colon = field.indexOf(":");
    headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
  }
  const from = end + 4;
  const to = from + Number(headers["content-length"] ?? 0);
  if (buffer.length < to) return undefined;
  const head = new IncomingMessage(socket);
  head.method = method;
  head.url = path;
  head.headers = headers;
  return { request: { head, method, path, body: buffer.subarray(from, to) }, rest: buffer.subarray(to) };
}

/** False when the connection is not to be used any more. */
function send(socket: Socket, answer: WireAnswer): boolean {
  if (answer === "never") return false;
  if ("raw" in answer) {
    socket.end(answer.raw);
    return false;
  }
  const { status, headers = {}, body = "" } = answer;
  const bytes = Buffer.from(body);
  const lines = [`HTTP/1.1 ${status} ${REASONS.get(status) ?? "Status"}`, "Server: Microsoft-IIS/6.0"];
  for (const [name, value] of Object.entries(headers)) {
    for (const each of typeof value === "string" ? [value] : value) lines.push(`${name}: ${each}`);
  }
  lines.push(`Content-Length: ${bytes.length}`, "", "");
  socket.write(Buffer.concat([Buffer.from(lines.join("\r\n"), "latin1"), bytes]));
  return true;
}
