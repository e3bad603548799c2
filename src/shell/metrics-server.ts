import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { GatewayError } from "../ports/errors.ts";
import type { ServiceAddress } from "./config-schema.ts";
import type { Readiness } from "./describe-readiness.ts";

/** What is served. */
export interface ServedMetrics {
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Readiness;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Whoever asks is a program nearby: anything slower or more is not served. In milliseconds. */
const LIMITS = { headersTimeout: 5000, requestTimeout: 5000, keepAliveTimeout: 30_000, maxHeaderSize: 8192 };
const MOST_CONNECTIONS = 32;

const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN = "text/plain; charset=utf-8";

/** Serves `/metrics`, `/healthz` and `/readyz`; resolves with the function that ends it. */
export async function serveMetrics(
  { host, port }: ServiceAddress,
  served: ServedMetrics,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer(LIMITS, (request, response) => {
    // Never rejects.
    void answer(served, request, response);
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot serve metrics on ${host}:${port}: ${cause.message}; choose another metrics.listen`;
      reject(new GatewayError(message, { type: "modify", code: "metrics-unavailable", cause }));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(served: ServedMetrics, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body } = await compose(served, request).catch(() => FAILED);
  const length = Buffer.byteLength(body);
  response.writeHead(status, { "content-type": type, "content-length": length, "cache-control": "no-store" });
  response.end(request.method === "HEAD" ? undefined : body);
}

const FAILED: Page = { status: 500, type: PLAIN, body: "this could not be found out\n" };

async function compose(served: ServedMetrics, { method, url = "" }: IncomingMessage): Promise<Page> {
  if (method !== "GET" && method !== "HEAD") return { status: 405, type: PLAIN, body: "only GET\n" };
  const [path] = url.split("?", 1);
  switch (path) {
    case "/metrics":
      return { status: 200, type: PROMETHEUS, body: await served.metrics() };
    case "/healthz":
      // Whoever gets this knows that the process turns its event loop: there is nothing more to being alive.
      return { status: 200, type: PLAIN, body: "ok\n" };
    case "/readyz": {
      const readiness = served.readiness();
      return { status: readiness.ready ? 200 : 503, type: "application/json", body: `${JSON.stringify(readiness)}\n` };
    }
    default:
      return { status: 404, type: PLAIN, body: "here are /metrics, /healthz and /readyz\n" };
  }
}
