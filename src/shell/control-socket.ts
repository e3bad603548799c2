import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { z } from "zod";
import { GatewayError } from "../ports/errors.ts";

/** In characters, all of a request: only the gateway's own account may open the socket. */
const LONGEST_REQUEST = 50_331_648;
const LONGEST_ANSWER = 16_777_216; // characters

/** What a command answered, drawn as text. */
export interface ControlAnswer {
  readonly isError: boolean;
  readonly text: string;
}

const ANSWER = z.strictObject({ isError: z.boolean(), text: z.string() });
/** What is told before the answer. */
const PIECE = z.strictObject({ piece: z.string() });

/** Takes the pieces of an answer that comes step by step. */
type TellPiece = (piece: string) => void;

/** What is asked: one line of JSON. */
const REQUEST = z.strictObject({ line: z.string(), text: z.string().optional() });

/** One command line, the text that comes with it, and where the pieces of its answer go. */
export interface ControlRequest {
  readonly line: string;
  readonly text?: string | undefined;
  readonly tell: TellPiece;
}

/** Runs one command line for the local administrator. */
export type ControlHandler = (request: ControlRequest, signal: AbortSignal) => Promise<ControlAnswer>;

/** The path of the socket that belongs to a store: whoever may write the store may use it. */
export const controlPath = (storePath: string): string => `${storePath}.sock`;

/**
 * Listens for commands of the local administrator on a socket that only the gateway's own account may open (mode 0600).
 * It is also the lock of the store: rejects with `gateway-already-running` when another gateway answers there.
 */
export async function listenForControl(path: string, handle: ControlHandler): Promise<() => Promise<void>> {
  if (await isAnswering(path)) {
    throw new GatewayError(`another gateway is running on this store (it answers on ${path}); stop it first`, {
      type: "cancel",
      code: "gateway-already-running",
    });
  }
  // Left behind by a gateway that was killed.
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, handle);
  });
  await listen(server, path);
  return async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const previous = process.umask(0o177);
    server.once("error", (error) => {
      const message = `cannot listen on ${path}: ${error.message}; is the store's directory writable and its path short (under 100 bytes)?`;
      reject(new GatewayError(message, { type: "modify", code: "control-unavailable", cause: error }));
    });
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve();
    });
    process.umask(previous);
  });
}

function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** The first line as a request, answered; rejects as `handle` does, and when it is no request. */
const answerRequest = async (
  text: string,
  handle: (request: z.infer<typeof REQUEST>) => Promise<ControlAnswer>,
): Promise<ControlAnswer> => handle(REQUEST.parse(JSON.parse(text.slice(0, text.indexOf("\n")))));

/** One line of JSON in, one out for each piece and for the answer; whoever says more than is read is cut off. */
function serve(socket: Socket, handle: ControlHandler): void {
  const gone = new AbortController();
  const decoder = new StringDecoder("utf8");
  const chunks: string[] = [];
  let length = 0;
  let isServed = false;
  socket.on("close", () => gone.abort(new Error("the caller has gone")));
  socket.on("error", () => socket.destroy());
  socket.on("data", (data) => {
    const chunk = decoder.write(data);
    length += chunk.length;
    if (length > LONGEST_REQUEST) socket.destroy();
    if (isServed || socket.destroyed) return;
    chunks.push(chunk);
    if (!chunk.includes("\n")) return;
    isServed = true;
    const tell = (piece: string): void => void socket.write(`${JSON.stringify({ piece })}\n`);
    answerRequest(chunks.join(""), (request) => handle({ ...request, tell }, gone.signal))
      .catch((error: unknown) => ({ isError: true, text: error instanceof Error ? error.message : String(error) }))
      .then(
        (answer) => socket.end(`${JSON.stringify(answer)}\n`),
        () => socket.destroy(),
      );
  });
}

/** Sends the command to the running gateway; `undefined` when none is running. */
export function sendControl(
  path: string,
  { line, text: attached, tell }: ControlRequest,
): Promise<ControlAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const decoder = new StringDecoder("utf8");
    let text = "";
    const readPieces = (): void => {
      for (let end = text.indexOf("\n"); end >= 0 && text.startsWith('{"piece"'); end = text.indexOf("\n")) {
        tell(PIECE.parse(JSON.parse(text.slice(0, end))).piece);
        text = text.slice(end + 1);
      }
    };
    socket.once("connect", () => socket.write(`${JSON.stringify({ line, text: attached })}\n`));
    socket.on("data", (data) => {
      text += decoder.write(data);
      if (text.length > LONGEST_ANSWER) socket.destroy(new Error("the answer is too long"));
      try {
        readPieces();
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(undefined);
      else reject(unusable(path, error));
    });
    socket.once("end", () => {
      if (!text.includes("\n")) return reject(brokenOff(path));
      try {
        resolve(ANSWER.parse(JSON.parse(text)));
      } catch (error) {
        reject(unusable(path, error));
      }
    });
  });
}

const brokenOff = (path: string): GatewayError =>
  new GatewayError(
    `the gateway on ${path} ended before it had answered: what the command does may be done in part; give it again when the gateway runs`,
    { type: "wait", code: "control-unavailable" },
  );

const unusable = (path: string, cause: unknown): GatewayError =>
  new GatewayError(
    `cannot talk to the running gateway on ${path}: ${cause instanceof Error ? cause.message : String(cause)}; run the command as the gateway's own account`,
    { type: "cancel", code: "control-unavailable", cause },
  );
