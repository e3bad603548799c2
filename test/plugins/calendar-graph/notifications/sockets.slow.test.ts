import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SocketNotificationListener } from "../../../../src/shell/notification-listener.ts";
import { Webhooks } from "../../../../src/shell/webhooks.ts";
import { postBySocket } from "../../../doubles/microsoft/notification-delivery.ts";
import { createTlsAuthority } from "../../../doubles/tls-authority.ts";
import { createTestTrust } from "../../../doubles/trust.ts";
import { findFreePort } from "../../../lab/free-ports.ts";
import { ALICE, BOB, Scenario } from "./scenario.ts";

const authority = createTlsAuthority();
let folder: string;
let listener: SocketNotificationListener;
let site: Scenario;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "graph-webhooks-"));
  const { cert, key } = authority.issue({ names: ["127.0.0.1"] });
  const files = { certificate: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  await Promise.all([writeFile(files.certificate, cert), writeFile(files.key, key)]);
  const place = { host: "127.0.0.1", port: await findFreePort() };
  site = new Scenario({
    connect: (runtime) => {
      const webhooks = Webhooks.from({ ...files, "webhook-listen": place }, { runtime, trust: createTestTrust() });
      const own = { listen: "127.0.0.1", address: "127.0.0.1", port: () => place.port };
      listener = new SocketNotificationListener({ runtime, ...own, webhooks });
      return { listener, post: postBySocket(authority.caPem) };
    },
  });
});

afterEach(async () => {
  await site.stop();
  await listener.close();
  await rm(folder, { recursive: true });
});

it("handshakes, notifications and lifecycle notifications come through TLS, before and after a restart", async () => {
  const told = site.watch();
  await expect.poll(() => told.words, { timeout: 10_000 }).toEqual(["all"]);
  site.cloud.changed(ALICE);
  await site.pass(0);
  expect(told.words).toEqual(["all", "alice"]);
  await site.restart();
  const again = site.watch();
  await expect.poll(() => again.words, { timeout: 10_000 }).toEqual(["all"]);
  site.cloud.lifecycle(BOB, "subscriptionRemoved");
  await site.pass(0);
  await expect.poll(() => again.words, { timeout: 10_000 }).toEqual(["all", "bob"]);
  expect(site.cloud.requests.POST).toBe(4);
  expect(site.cloud.delivery.counts).toMatchObject({ refused: 0, dropped: 0 });
});

it("forged and hostile posts are answered and mean nothing", async () => {
  const told = site.watch();
  await expect.poll(() => told.words, { timeout: 10_000 }).toEqual(["all"]);
  const [known] = site.cloud.of(ALICE);
  const url = known?.notificationUrl ?? "";
  const post = postBySocket(authority.caPem);
  const forged = { subscriptionId: known?.id, clientState: "forged", lifecycleEvent: "subscriptionRemoved" };
  expect((await post(url, JSON.stringify({ value: [forged] }), "application/json")).status).toBe(202);
  expect((await post(url, "[".repeat(500_000), "application/json")).status).toBe(400);
  expect((await post(`${url}x`, "{}", "application/json")).status).toBe(404);
  expect([0, 413]).toContain((await post(url, "x".repeat(10_000_000), "application/json")).status);
  expect(await post(`${url}?validationToken=%3Cb%3E`, "", "text/plain")).toMatchObject({
    status: 200,
    contentType: "text/plain",
    body: "<b>",
  });
  await site.pass(0);
  expect(told.words).toEqual(["all"]);
  expect(site.cloud.requests.POST).toBe(3);
});
