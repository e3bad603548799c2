import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { GatewayError } from "../../../src/ports/errors.ts";
import type {
  NotificationEndpoint,
  NotificationListener,
  NotificationRequest,
} from "../../../src/ports/notification-listener.ts";

interface Opened {
  readonly socket: Socket;
  readonly ended: AbortController;
}

/** Hears datagrams on a free port of 127.0.0.1, each endpoint on its own. */
export class LoopbackListener implements NotificationListener {
  /** Set, every `open` is refused with it. */
  refusal: GatewayError | undefined;
  readonly #opened = new Map<string, Opened>();
  /** Datagrams that came in. */
  received = 0;

  async open({ receive }: NotificationRequest, signal: AbortSignal): Promise<NotificationEndpoint> {
    signal.throwIfAborted();
    if (this.refusal) throw this.refusal;
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const url = `httpu://127.0.0.1:${socket.address().port}/secret-path`;
    socket.on("message", (bytes) => {
      this.received += 1;
      const [line, ...fields] = bytes.toString("latin1").split("\r\n");
      if (line !== `NOTIFY ${url} HTTP/1.1`) return;
      const headers = fields.flatMap((field) => {
        const [, name = "", value = ""] = /^([^:]+):\s*(.*)$/.exec(field) ?? [];
        return name === "" ? [] : [[name.toLowerCase(), value] as const];
      });
      receive({ headers: new Map(headers), body: new Uint8Array() });
    });
    const ended = new AbortController();
    this.#opened.set(url, { socket, ended });
    return { url, ended: ended.signal, close: () => this.#close(url) };
  }

  /** URLs that are heard at. */
  get urls(): readonly string[] {
    return [...this.#opened.keys()];
  }

  /** As if the port had been changed. */
  move(): void {
    for (const url of this.urls) {
      const opened = this.#opened.get(url);
      this.#close(url);
      opened?.ended.abort(
        new GatewayError("the port was changed", { type: "cancel", code: "notification-port-changed" }),
      );
    }
  }

  #close(url: string): void {
    this.#opened.get(url)?.socket.close();
    this.#opened.delete(url);
  }
}
