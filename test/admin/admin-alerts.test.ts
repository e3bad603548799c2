import { describe, expect, it } from "vitest";
import { AdminAlerts } from "../../src/admin/admin-alerts.ts";
import { parseBareJid } from "../../src/core/addresses.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";

function createAlerts() {
  const runtime = createTestRuntime();
  const sent: { readonly to: unknown; readonly body: unknown }[] = [];
  const link = {
    domain: parseBareJid("presence.example.com"),
    isOnline: true,
    send: async ({ attributes, children }: XmlDraft): Promise<void> => {
      const [body] = children ?? [];
      sent.push({ to: attributes?.["to"], body: typeof body === "object" ? body.children?.[0] : body });
    },
  };
  const admins = [parseBareJid("admin@example.com"), parseBareJid("carol@example.com")];
  return { runtime, sent, link, alerts: new AdminAlerts({ link, admins, runtime }) };
}

describe("AdminAlerts", () => {
  it("tells every administrator, in one message for what comes together", async () => {
    const { alerts, runtime, sent } = createAlerts();
    alerts.tell("first");
    alerts.tell("second");
    await runtime.clock.advance(10_000);
    expect(sent).toEqual([
      { to: "admin@example.com", body: "first\nsecond" },
      { to: "carol@example.com", body: "first\nsecond" },
    ]);
  });

  it("counts what is too much to be read", async () => {
    const { alerts, runtime, sent } = createAlerts();
    for (let each = 0; each < 15_000; each++) alerts.tell(`user ${each}`);
    await runtime.clock.advance(10_000);
    expect(sent.length).toBe(2);
    expect(sent[0]?.body).toContain("user 9\n… and 14990 more");
  });

  it("tells it again when the connection broke while it was told", async () => {
    const { alerts, runtime, sent, link } = createAlerts();
    const send = link.send;
    link.send = () => {
      link.isOnline = false;
      return Promise.reject(new GatewayError("broken", { type: "wait", code: "xmpp-offline" }));
    };
    alerts.tell("first");
    await runtime.clock.advance(10_000);
    Object.assign(link, { isOnline: true, send });
    alerts.tell("second");
    await runtime.clock.advance(20_000);
    expect(sent.map(({ body }) => body)).toEqual(["first\nsecond", "first\nsecond"]);
  });

  it("waits until the server is connected, and says nothing after the stop", async () => {
    const { alerts, runtime, sent, link } = createAlerts();
    link.isOnline = false;
    alerts.tell("first");
    await runtime.clock.advance(60_000);
    expect(sent).toEqual([]);
    link.isOnline = true;
    await runtime.clock.advance(10_000);
    expect(sent.length).toBe(2);
    alerts.tell("second");
    alerts.stop();
    await runtime.clock.advance(60_000);
    expect(sent.length).toBe(2);
  });
});
