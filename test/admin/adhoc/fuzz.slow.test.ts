import fc from "fast-check";
import { expect, it } from "vitest";
import { AdhocFrontEnd } from "../../../src/admin/adhoc-front-end.ts";
import { parseBareJid } from "../../../src/core/addresses.ts";
import { seconds } from "../../../src/lib/time.ts";
import { toGatewayError } from "../../../src/ports/errors.ts";
import type { XmlDraft } from "../../../src/ports/xmpp-link.ts";
import { encodeXml } from "../../../src/xmpp/stanza-writer.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { createCommandStage } from "../command-stage.ts";
import { FakeLink } from "../fake-link.ts";
import { command, form, iq, NS_COMMANDS, view } from "./adhoc-stage.ts";

const NODES = [
  "gateway-add",
  "gateway-set",
  "user-enable",
  "user-set",
  "parameter-set",
  "pause",
  "certificate-add",
  "x",
];
const anyFields = fc.dictionary(
  fc.constantFrom(
    "name",
    "type",
    "jid",
    "url",
    "account",
    "password",
    "value",
    "duration",
    "text",
    "weight",
    "enabled",
  ),
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("main", "ews", "alice@example.com", "exchange-timeout", "https://mail.example.com", "1h", "1"),
  ),
);
const anyStep = fc.record({
  node: fc.constantFrom(...NODES),
  action: fc.constantFrom("execute", "next", "prev", "complete", "cancel", "", "explode"),
  who: fc.constantFrom("carol@example.com/home", "carol@example.com/phone", "alice@example.com/pc", "example.com", "@"),
  hasSession: fc.boolean(),
  type: fc.constantFrom("submit", "submit", "submit", "cancel", "form", "result"),
  fields: fc.option(anyFields, { nil: undefined }),
});

it("any sequence of requests is answered, by a form, a result or an error that a specification names", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 30 }), async (steps) => {
      const stage = createCommandStage();
      await stage.seed("alice@example.com");
      const link = new FakeLink();
      const admins = [parseBareJid("carol@example.com")];
      const front = new AdhocFrontEnd({ link, ...stage, admins, memory: new TestMemory(), version: "1" });
      front.start();
      let last = { node: "x", session: "" };
      for (const { node, action, who, hasSession, type, fields } of steps) {
        const going = hasSession && last.session !== "" ? { node: last.node, sessionid: last.session } : { node };
        const x: XmlDraft | undefined = fields && form(fields, type);
        const asked = link.handlers.iq?.(iq(command({ ...going, action }, x), who));
        const outcome = await asked?.then(
          (draft) => ({ draft }),
          (error: unknown) => ({ error }),
        );
        // Nothing may wait for long here: the clock only moves between requests.
        await stage.runtime.clock.advance(seconds(2));
        if (outcome && "error" in outcome) expect(toGatewayError(outcome.error).code).toMatch(/^xmpp-iq-/);
        else {
          expect(encodeXml(outcome?.draft ?? { name: "nothing" })).toContain(NS_COMMANDS);
          const { status, session } = view(outcome?.draft);
          expect(["executing", "completed", "canceled"]).toContain(status);
          last = { node: going.node, session };
        }
      }
      expect(stage.runtime.events.filter(({ event }) => event === "adhoc.command-broke")).toEqual([]);
      await front.stop();
    }),
    { numRuns: 150 },
  );
});
