import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SipPublisher } from "../../../plugins/publish-sip/sip-publisher.ts";
import { encodePidf } from "../../../plugins/shared-sip/documents/encode-pidf.ts";
import { parsePresentityId, parseSipAor } from "../../../src/core/addresses.ts";
import { IN_A_MEETING } from "../../../src/core/presence.ts";
import { seconds } from "../../../src/lib/time.ts";
import { createMetrics } from "../../../src/shell/exposed-metrics.ts";
import { createLog, createRuntime } from "../../../src/shell/runtime.ts";
import { type MadeCertificate, makeCertificate, makeKey } from "../../doubles/certificate-maker.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { type Kamailio, startKamailio, whatKamailioLacks } from "../../lab/kamailio.ts";
import { openSipClient } from "../../lab/sip-client.ts";
import { pidf } from "./pidf.ts";

const lack = whatKamailioLacks();
if (lack) console.warn(`Skipped: ${lack}`);

const ALICE = "sip:alice@example.test";

describe.skipIf(lack !== undefined)("the guard that knows the gateway by its certificate", () => {
  const directory = mkdtempSync(join(tmpdir(), "guard-tls-"));
  const authority = makeCertificate({ commonName: "Lab authority", isAuthority: true, key: makeKey(2048) });
  const issue = (commonName: string, usage: "serverAuth" | "clientAuth"): MadeCertificate =>
    makeCertificate({ commonName, usage, issuer: authority, names: ["localhost", "127.0.0.1"], key: makeKey(2048) });
  const save = (name: string, pem: string): string => {
    const path = join(directory, name);
    writeFileSync(path, pem, { mode: 0o600 });
    return path;
  };
  let kamailio: Kamailio;

  beforeAll(async () => {
    const server = issue("localhost", "serverAuth");
    kamailio = await startKamailio({
      domain: "example.test",
      trust: "certificate",
      tls: {
        certificate: save("server.pem", server.pem),
        key: save("server-key.pem", server.keyPem),
        ca: save("ca.pem", authority.pem),
        trusted: "gateway.example.test",
      },
    });
  });
  afterAll(async () => {
    await kamailio?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it("refuses a meeting from another certificate, and from everywhere without one", async () => {
    const phone = issue("phone.example.test", "clientAuth");
    const tls = { ca: authority.pem, cert: phone.pem, key: phone.keyPem, servername: "localhost" };
    const places = [
      { port: kamailio.tlsPort, transport: "tls", tls },
      { port: kamailio.clientPort, transport: "tcp" },
      { port: kamailio.gatewayPort, transport: "udp" },
    ] as const;
    for (const place of places) {
      const client = await openSipClient(place);
      const body = pidf({ activities: "<rpid:meeting/>" });
      expect(await client.publish({ aor: ALICE, body })).toMatchObject({ status: 403 });
      expect(await client.publish({ aor: ALICE, body: pidf({}) })).toMatchObject({ status: 200 });
      client.close();
    }
  });

  it("takes the gateway's own, by mutual TLS", async () => {
    const own = issue("gateway.example.test", "clientAuth");
    const publisher = new SipPublisher(
      {
        server: `localhost:${kamailio.tlsPort}`,
        transport: "tls",
        caFile: join(directory, "ca.pem"),
        certificateFile: save("gateway.pem", own.pem),
        keyFile: save("gateway-key.pem", own.keyPem),
        expires: seconds(600),
        perSecond: 100,
        window: 10,
      },
      encodePidf,
      {
        runtime: createRuntime(createLog("silent"), createMetrics()),
        trust: createTestTrust(),
        memory: new TestMemory(),
      },
    );
    const { signal } = new AbortController();
    await publisher.start(signal);
    await expect.poll(() => publisher.epoch(), { timeout: 10_000 }).toBeDefined();
    const watcher = await (await openSipClient({ port: kamailio.clientPort, transport: "tcp" })).watch(ALICE);
    await publisher.publish(
      {
        presentity: parsePresentityId("alice@example.test"),
        sip: parseSipAor(ALICE),
        document: { show: "dnd", source: "calendar", text: "in-a-meeting", activity: IN_A_MEETING },
        locale: "de",
      },
      signal,
    );
    const document = await watcher.waitFor((each) => each.includes("<rpid:meeting/>"), "in a meeting");
    expect(document).toContain("In einer Besprechung");
    await publisher.stop();
  });
});
