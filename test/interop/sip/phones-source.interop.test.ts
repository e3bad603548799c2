import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import clientsSip from "../../../plugins/clients-sip/index.ts";

import { parsePresentityId, parseSipAor } from "../../../src/core/addresses.ts";
import type { ClientChange, ClientPresenceSource } from "../../../src/ports/client-presence-source.ts";
import { readParameters } from "../../../src/ports/parameters.ts";
import { createRuntime } from "../../../src/shell/runtime.ts";
import { FakeLink } from "../../admin/fake-link.ts";
import { createInboundContext } from "../../doubles/plugin-context.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { type Kamailio, startKamailio, whatKamailioLacks } from "../../lab/kamailio.ts";
import { openSipClient, type SipClient } from "../../lab/sip-client.ts";
import { pidf } from "./pidf.ts";

const lack = whatKamailioLacks();
if (lack) console.warn(`Skipped: ${lack}`);

const ALICE = parsePresentityId("alice@example.test");
const AOR = parseSipAor("sip:alice@example.test");

const calls = (state: string): string =>
  `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" entity="${AOR}">` +
  `<dialog id="c1" direction="initiator"><state>${state}</state></dialog></dialog-info>`;

describe.skipIf(lack).each(["tcp", "udp"] as const)("phones at a real Kamailio, heard by %s", (transport) => {
  let server: Kamailio;
  let phone: SipClient;
  let source: ClientPresenceSource;
  let lifetime: AbortController;
  let changes: ClientChange[];

  beforeAll(async () => {
    server = await startKamailio({ domain: "example.test" });
  });
  afterAll(() => server?.stop());

  beforeEach(async () => {
    lifetime = new AbortController();
    changes = [];
    phone = await openSipClient({ port: server.clientPort });
    const recorded = createTestRuntime();
    const runtime = { ...createRuntime(recorded.log, recorded.metrics) };
    const options = clientsSip.options.parse({ server: `127.0.0.1:${server.gatewayPort}`, transport });
    const context = { name: "sip", runtime, parameters: readParameters(() => ({})), xmpp: new FakeLink() };
    source = clientsSip.create(options, { ...context, trust: createTestTrust(), ...createInboundContext() });
    source.follow?.([{ presentity: ALICE, sip: AOR }]);
    hear(lifetime.signal).catch((error: unknown) => {
      if (!lifetime.signal.aborted) throw error;
    });
    await source.start(lifetime.signal);
    await told("settled");
  });
  afterEach(async () => {
    lifetime.abort();
    phone.close();
    await source.stop();
  });

  async function hear(signal: AbortSignal): Promise<void> {
    for await (const change of source.watchClients(signal)) changes.push(change);
  }
  const told = (expected: string) =>
    expect.poll(() => changes.map(describeChange), { timeout: 15_000 }).toContain(expected);

  it("come, change and go", async () => {
    const { header } = await phone.publish({ aor: AOR, body: pidf({ activities: "<rpid:away/>", note: "Lunch" }) });
    await told("sip:phone away Lunch");
    const etag = header("sip-etag") ?? "";
    await phone.publish({ aor: AOR, etag, expires: 0 });
    await told("sip:phone gone");
  });

  it("are in a call", async () => {
    const talking = { aor: AOR, event: "dialog", contentType: "application/dialog-info+xml" };
    const { header, startLine } = await phone.publish({ ...talking, body: calls("confirmed") });
    expect(startLine).toContain("200");
    await told("in a call");
    await phone.publish({ ...talking, body: calls("terminated"), etag: header("sip-etag") ?? "" });
    await told("in no call");
  });

  it("are not listened to any more when nobody follows", async () => {
    source.unfollow?.(ALICE);
    expect(source.health()).toMatchObject({ state: "ok" });
    await expect
      .poll(() => source.health(), { timeout: 10_000 })
      .toEqual({ state: "ok", detail: "0 subscriptions to phones" });
  });

  // By UDP nobody can tell that a server has come back: that is known at the next refresh, within an hour.
  if (transport === "udp") return;
  it("are heard again after the server has forgotten everything", async () => {
    const before = changes.length;
    await server.restart();
    await expect
      .poll(() => changes.slice(before).map(describeChange), { timeout: 30_000 })
      .toEqual(["reset", "settled"]);
    phone.close();
    phone = await openSipClient({ port: server.clientPort });
    await phone.publish({ aor: AOR, body: pidf({ activities: "<rpid:busy/>" }), expires: 60 });
    await told("sip:phone dnd ");
  });
});

function describeChange(change: ClientChange): string {
  if (change.kind === "present") {
    const { resource, show, status } = change.presence;
    return `${resource} ${show} ${status[""] ?? ""}`;
  }
  if (change.kind === "gone") return `${change.resource} gone`;
  if (change.kind === "phone") return change.phone ? "in a call" : "in no call";
  return change.kind;
}
