import { createServer } from "node:http";
import { GatewayError } from "../ports/errors.ts";
import type { ServiceAddress } from "./config-schema.ts";
import type { ExposedMetrics } from "./runtime.ts";

/** Serves `/metrics` in the text format of Prometheus; resolves with the function that ends it. */
export async function serveMetrics(
  { host, port }: ServiceAddress,
  metrics: ExposedMetrics,
  beforeScrape: () => void,
): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.method !== "GET" || request.url !== "/metrics") {
      response.writeHead(404, { "content-type": "text/plain" }).end("only GET /metrics is here\n");
      return;
    }
    beforeScrape();
    metrics.text().then(
      (text) => response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot serve metrics on ${host}:${port}: ${cause.message}; choose another metrics.listen`;
      reject(new GatewayError(message, { type: "modify", code: "metrics-unavailable", cause }));
    });
    server.listen(port, host, resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
}
