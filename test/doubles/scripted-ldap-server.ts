import { createServer, type Server, type Socket } from "node:net";
import { listenOnLoopback } from "./listen-on-loopback.ts";

/** BER (X.690): one value with its tag. */
const value = (tag: number, ...parts: readonly (Buffer | string)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = content.length;
  const head =
    length < 0x80 ? [length] : [0x84, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
};

const message = (id: number, ...parts: readonly Buffer[]): Buffer =>
  value(0x30, value(0x02, Buffer.from([id])), ...parts);
const result = (tag: number, code: number): Buffer =>
  value(tag, value(0x0a, Buffer.from([code])), value(0x04), value(0x04));

/** A successful bind. */
export const bound = (id: number): Buffer => message(id, result(0x61, 0));

/** A search entry with one value an attribute (RFC 4511 4.5.2). */
export const entryOf = (id: number, dn: string, attributes: Readonly<Record<string, string>>): Buffer => {
  const list = Object.entries(attributes).map(([name, text]) =>
    value(0x30, value(0x04, name), value(0x31, value(0x04, text))),
  );
  return message(id, value(0x64, value(0x04, dn), value(0x30, ...list)));
};

/** The end of a search; a cookie says that there are more pages (RFC 2696). */
export const doneWith = (id: number, cookie: string, code = 0): Buffer => {
  const page = value(0x30, value(0x02, Buffer.from([0])), value(0x04, cookie));
  const control = value(0x30, value(0x04, "1.2.840.113556.1.4.319"), value(0x04, page));
  return message(id, result(0x65, code), value(0xa0, control));
};

/** What was asked, as far as scripts need it. */
export interface LdapQuestion {
  readonly id: number;
  readonly kind: "bind" | "search" | "other";
  /** From 1, of this kind and connection. */
  readonly count: number;
}

/** A server that says what the script says; undefined closes the connection. */
export class ScriptedLdapServer {
  script: (question: LdapQuestion) => Buffer | "end" = () => "end";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      const counts = { bind: 0, search: 0, other: 0 };
      socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
      socket.on("data", (chunk) => {
        const { id, kind } = decodeHead(chunk);
        const answer = this.script({ id, kind, count: ++counts[kind] });
        if (answer === "end") socket.destroy();
        else socket.write(answer);
      });
    });
  }

  start(): Promise<number> {
    return listenOnLoopback(this.#server);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The requests of these tests are short: a sequence, an id of one octet, then the operation. */
function decodeHead(chunk: Buffer): Pick<LdapQuestion, "id" | "kind"> {
  const length = chunk[1] ?? 0;
  const place = 2 + (length < 0x80 ? 0 : length & 0x7f);
  const [id = 0, tag] = [chunk[place + 2], chunk[place + 3]];
  return { id, kind: tag === 0x60 ? "bind" : tag === 0x63 ? "search" : "other" };
}
