import { afterEach, expect, it } from "vitest";
import { hearNotifications } from "../../src/shell/hear-notifications.ts";
import { MemoryRegistry } from "../doubles/memory-store.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { createTestTrust } from "../doubles/trust.ts";
import { findFreePort } from "../lab/free-ports.ts";
import { OK, post } from "./notification-stage.ts";

let end: () => Promise<void> = async () => undefined;
afterEach(() => end());

it("[R8] a change of the parameter exchange-notification-port moves what is heard, without a restart", async () => {
  const registry = new MemoryRegistry();
  const [first, second] = [await findFreePort(), await findFreePort()];
  await registry.replaceParameter("exchange-notification-port", String(first));
  const place = { listen: "127.0.0.1", address: "gw.example.com" };
  const listener = await hearNotifications(place, { registry, runtime: createTestRuntime(), trust: createTestTrust() });
  end = () => listener.close();
  const request = { transport: "tcp", sources: [], receive: () => OK } as const;
  const { signal } = new AbortController();
  const before = await listener.open(request, signal);
  expect(before.url).toMatch(new RegExp(`^http://gw\\.example\\.com:${first}/n/`));
  await registry.replaceParameter("calendar-spread", "1");
  await registry.replaceParameter("exchange-notification-port", String(second));
  await expect.poll(() => before.ended.aborted, { interval: 5 }).toBe(true);
  const after = await listener.open(request, signal);
  const { pathname } = new URL(after.url);
  expect((await post(`http://127.0.0.1:${second}${pathname}`)).status).toBe(200);
  expect((await post(`http://127.0.0.1:${first}${pathname}`)).status).toBe(0);
});
