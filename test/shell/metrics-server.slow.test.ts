import { connect } from "node:net";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/ports/errors.ts";
import { serveMetrics } from "../../src/shell/metrics-server.ts";

describe("the pages for monitoring", () => {
  const served = { isReady: true, isBroken: false };
  let port = 0;
  let close = async (): Promise<void> => undefined;
  beforeEach(async () => {
    Object.assign(served, { isReady: true, isBroken: false });
    const server = await serveMetrics(
      { host: "127.0.0.1", port: 0 },
      {
        metrics: async () => {
          if (served.isBroken) throw new Error("alice@example.com hunter2");
          return "presence_gateway_ready 1\n";
        },
        readiness: () => ({ ready: served.isReady, reasons: [], troubles: [] }),
      },
    );
    ({ port } = server);
    close = () => server.close();
  });
  afterEach(() => close());
  const get = (path: string, method = "GET") => fetch(`http://127.0.0.1:${port}${path}`, { method });

  it("are live, ready or not, and metrics", async () => {
    expect(await (await get("/healthz")).text()).toBe("ok\n");
    const metrics = await get("/metrics?x=1");
    expect(metrics.headers.get("content-type")).toContain("version=0.0.4");
    expect(await metrics.text()).toBe("presence_gateway_ready 1\n");
    const ready = await get("/readyz");
    expect([ready.status, ready.headers.get("content-type")]).toEqual([200, "application/json"]);
    served.isReady = false;
    const unready = await get("/readyz");
    expect([unready.status, await unready.json()]).toEqual([503, { ready: false, reasons: [], troubles: [] }]);
    expect((await get("/healthz")).status).toBe(200);
  });

  it("are three, may be read only, and tell nothing of what went wrong within", async () => {
    const head = await get("/readyz", "HEAD");
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const path of ["/", "/metrics/", "/healthz/../metrics2", "/%2e%2e/etc/passwd", "/?/metrics"]) {
      expect((await get(path)).status).toBe(404);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) expect((await get("/metrics", method)).status).toBe(405);
    served.isBroken = true;
    const broken = await get("/metrics");
    expect([broken.status, await broken.text()]).toEqual([500, "this could not be found out\n"]);
  });

  it("survive whatever is sent to their port", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 20_000 }), async (bytes) => {
        await new Promise<void>((resolve) => {
          const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
          socket.on("error", () => undefined);
          socket.on("close", () => resolve());
          socket.resume();
        });
      }),
      { numRuns: 100 },
    );
    expect((await get("/healthz")).status).toBe(200);
  });

  it("are refused with a reason where the port is taken", async () => {
    const pages = { metrics: async () => "", readiness: () => ({ ready: true, reasons: [], troubles: [] }) };
    const second = serveMetrics({ host: "127.0.0.1", port }, pages);
    await expect(second).rejects.toBeInstanceOf(GatewayError);
    await expect(second).rejects.toMatchObject({ code: "metrics-unavailable" });
  });
});
