import { createSocket } from "node:dgram";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** Carries whole SIP messages to one server and back. */
export interface SipWire {
  readonly transport: "UDP" | "TCP" | "TLS";
  readonly localPort: number;
  send(message: string): void;
  close(): void;
}

/** Datagrams from a port of 127.0.0.1. */
export function openDatagrams(port: number, take: (message: string) => void): Promise<SipWire> {
  const socket = createSocket("udp4");
  socket.on("message", (bytes) => take(bytes.toString("latin1")));
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, "127.0.0.1", () => {
      socket.removeListener("error", reject);
      socket.on("error", () => undefined); // ECONNREFUSED: the server is away, which shows by its silence
      resolve({
        transport: "UDP",
        localPort: socket.address().port,
        send: (message) => socket.send(Buffer.from(message, "latin1")),
        close: () => socket.close(),
      });
    });
  });
}

/** A connection, by TLS when its options are given. */
export function openStream(port: number, take: (message: string) => void, tls?: ConnectionOptions): Promise<SipWire> {
  return new Promise((resolve, reject) => {
    const opened = (socket: Socket): void => {
      socket.on("error", () => undefined);
      resolve({
        transport: tls ? "TLS" : "TCP",
        localPort: socket.localPort ?? 0,
        send: (message) => socket.write(Buffer.from(message, "latin1")),
        close: () => socket.destroy(),
      });
    };
    const socket: Socket = tls
      ? connectTls({ ...tls, port, host: "127.0.0.1" }, () => opened(socket))
      : connectTcp({ port, host: "127.0.0.1" }, () => opened(socket));
    socket.once("error", reject);
    socket.on("data", cutMessages(take));
  });
}

/** RFC 3261 18.3: a message ends where its Content-Length says. */
function cutMessages(take: (message: string) => void): (bytes: Buffer) => void {
  let text = "";
  return (bytes) => {
    text += bytes.toString("latin1");
    for (;;) {
      text = text.replace(/^[\r\n]+/, "");
      const head = text.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/^(?:content-length|l)\s*:\s*(\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
      if (text.length < head + 4 + length) return;
      take(text.slice(0, head + 4 + length));
      text = text.slice(head + 4 + length);
    }
  };
}
