import { describe, expect, it } from "vitest";
import { parsePresentityId, parseSipAor } from "../../src/core/addresses.ts";
import { minutes, plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { createCommandStage, userOf } from "./command-stage.ts";

const ALICE = parsePresentityId("alice@example.com");
const AOR = parseSipAor("sip:alice@example.com");

describe("sip status", () => {
  it("says that SIP is not configured, or the gateway not running, and who has an address", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed("carol@example.com");
    await registry.replaceUser(userOf("alice@example.com", { sip: AOR }));
    await registry.replaceUser(userOf("bob@example.com", { restingSip: parseSipAor("sip:bob@example.com") }));
    const users = "users: 1 with a SIP address, off for 1, 1 without one";
    expect(await say("sip status")).toBe(`SIP is not configured: see [sip].\n${users}`);
    expect(await createCommandStage({ isRunning: false }).say("sip status")).toMatch(/^The gateway is not running\.\n/);
  });

  it("shows what the publisher says of its work, with ages", async () => {
    const { live, say } = createCommandStage();
    live.partList = [
      { name: "sip", kind: "publisher", health: { state: "ok", detail: "tcp 192.0.2.1:5060" } },
      { name: "sip", kind: "clients", health: { state: "ok" } },
      { name: "xmpp-pep", kind: "publisher", health: { state: "ok" } },
    ];
    live.details.set("sip", [
      ["published", "24990"],
      ["oldest refresh", { at: plus(live.now(), -minutes(3)) }],
    ]);
    const answer = await say("sip status");
    expect(answer).toMatch(/^SIP works\.\npublisher sip: ok: tcp 192\.0\.2\.1:5060\nclients sip: ok\n/);
    expect(answer).toMatch(/\npublished: 24990\noldest refresh: 08:57:00 UTC \(3 m ago\)\nusers: /);
    const error = new GatewayError("no connection", { type: "wait", code: "sip-unreachable" });
    live.partList = [{ name: "sip", kind: "publisher", health: { state: "down", error } }];
    expect(await say("sip status")).toMatch(
      /^SIP is in trouble\.\npublisher sip: down: no connection \(sip-unreachable\)/,
    );
  });
});

describe("why", () => {
  it("shows under which address a user is published by SIP, and how the publication stands", async () => {
    const { journal, live, seed, say } = createCommandStage();
    await seed(ALICE);
    const now = live.now();
    const document = { show: "dnd", source: "calendar", text: "in-a-meeting" } as const;
    const published = { publisher: "sip", document, locale: "en", at: now, epoch: "1", sip: AOR };
    journal.recordComposition(ALICE, { document, composedAt: now }, { published: [published], outbox: [] });
    live.details.set(`sip ${ALICE}`, [
      ["last answer", "200"],
      ["expires", { at: plus(now, minutes(50)) }],
    ]);
    expect(await say("why alice@example.com")).toMatch(
      /\npublisher sip: shows .* under sip:alice@example\.com, since .*; last answer 200, expires 09:50:00 UTC \(in 50 m\)\n/,
    );
  });
});
