import { createSocket } from "node:dgram";
import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { createConnection, type Socket } from "node:net";
import type {
  InboundNotification,
  NotificationAnswer,
  NotificationEndpoint,
  NotificationRequest,
} from "../../src/ports/notification-listener.ts";
import { SocketNotificationListener } from "../../src/shell/notification-listener.ts";
import { createTestRuntime, type TestRuntime } from "../doubles/test-runtime.ts";
import { findFreePort } from "../lab/free-ports.ts";

export const OK: NotificationAnswer = { status: 200, contentType: "text/xml", body: "<ok/>" };

/** A listener on this machine, and what was received. */
export interface NotificationStage {
  readonly runtime: TestRuntime;
  readonly listener: SocketNotificationListener;
  readonly received: InboundNotification[];
  parameter: number;
  open(request?: Partial<NotificationRequest>): Promise<NotificationEndpoint>;
  /** How often something was refused, by reason, as it was logged. */
  refused(): Promise<Readonly<Record<string, unknown>>>;
}

export async function createStage(): Promise<NotificationStage> {
  const runtime = createTestRuntime();
  const stage = { parameter: await findFreePort() };
  const listener = new SocketNotificationListener({
    runtime,
    listen: "127.0.0.1",
    address: "127.0.0.1",
    port: () => stage.parameter,
  });
  const received: InboundNotification[] = [];
  const receive = (notification: InboundNotification): NotificationAnswer => {
    received.push(notification);
    return OK;
  };
  return Object.assign(stage, {
    runtime,
    listener,
    received,
    open: (request: Partial<NotificationRequest> = {}) =>
      listener.open({ transport: "tcp", sources: [], receive, ...request }, new AbortController().signal),
    async refused() {
      await runtime.clock.advance(60_000);
      return runtime.events.findLast(({ event }) => event === "notifications.refused")?.fields ?? {};
    },
  });
}

/** The answer to one request; status 0 when the connection was cut. */
export function post(
  url: string,
  body: string | Buffer = "<n/>",
  { method = "POST", headers = {} }: { readonly method?: string; readonly headers?: IncomingHttpHeaders } = {},
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve) => {
    const sent = httpRequest(url, { method, headers: { ...headers }, agent: false }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response.on("error", () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on("error", () => resolve({ status: 0, body: "" }));
    sent.end(body);
  });
}

/** A bare connection to the URL's port, from an address of this machine. */
export async function connect(url: string, localAddress = "127.0.0.1"): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port), localAddress });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Sends one datagram. */
export async function sendDatagram(url: string, text: string): Promise<void> {
  const { hostname, port } = new URL(url.replace("httpu:", "http:"));
  const socket = createSocket("udp4");
  await new Promise((resolve) => socket.send(text, Number(port), hostname, resolve));
  socket.close();
}
