import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePresence } from "../../../plugins/clients-xmpp/decode-presence.ts";
import type { XmlElement } from "../../../src/ports/xml-element.ts";
import { StanzaReader } from "../../../src/xmpp/stanza-reader.ts";
import { toStanza } from "../../../src/xmpp/to-stanza.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { anyText } from "../../lib/any-text.ts";

function parse(xml: string): XmlElement {
  const stanzas: XmlElement[] = [];
  const handlers = { onOpen: () => undefined, onDropped: () => undefined, onClose: () => undefined };
  const reader = new StanzaReader(
    { bytes: 1_000_000, depth: 64 },
    { ...handlers, onStanza: (stanza) => stanzas.push(stanza) },
  );
  reader.write(Buffer.from(`<stream:stream xmlns='jabber:component:accept' xmlns:stream='s'>${xml}`));
  const [stanza] = stanzas;
  if (!stanza) throw new Error("no stanza");
  return stanza;
}

const decode = (content: string, attributes = "from='Alice@Example.test/My PC'") =>
  decodePresence(toStanza(parse(`<presence ${attributes}>${content}</presence>`)), MONDAY_MORNING);

const presenceOf = (content: string, attributes?: string) => {
  const heard = decode(content, attributes);
  if (heard?.kind !== "present") throw new Error("nobody is present");
  return heard.presence;
};

describe("decoding presence", () => {
  test("reads resource, show, priority and the status of each language", () => {
    expect(
      decode("<show>away</show><priority>-5</priority><status>lunch</status><status xml:lang='de'>Mittag</status>"),
    ).toEqual({
      kind: "present",
      presentity: "alice@example.test",
      isDelayed: false,
      presence: {
        resource: "My PC",
        show: "away",
        priority: -5,
        status: { "": "lunch", de: "Mittag" },
        since: MONDAY_MORNING,
      },
    });
  });

  test.each([
    ["", "available", 0],
    ["<show>busy</show><priority>128</priority>", "available", 0],
    ["<show> dnd </show><priority> 127 </priority>", "dnd", 127],
    ["<show xmlns='urn:other'>dnd</show><priority>-129</priority>", "available", 0],
    ["<show>chat</show><show>dnd</show><priority>1e2</priority>", "chat", 0],
  ])("of %j is %s with priority %d", (content, show, priority) => {
    expect(presenceOf(content)).toMatchObject({ show, priority });
  });

  test("inherits the stanza's language, and takes a tag that is none for no tag", () => {
    expect(
      presenceOf("<status>hier</status><status xml:lang='__proto__'>x</status>", "from='a@b.test/c' xml:lang='de'")
        .status,
    ).toEqual({ de: "hier", "": "x" });
  });

  test("keeps at most ten languages of a thousand characters, and cuts no surrogate pair", () => {
    const many = Array.from({ length: 30 }, (_, n) => `<status xml:lang='x${n}'>${"y".repeat(999)}🎉🎉</status>`).join(
      "",
    );
    const { status } = presenceOf(many);
    expect(Object.keys(status)).toHaveLength(10);
    for (const text of Object.values(status)) expect(text).toBe("y".repeat(999));
  });

  test.each(["subscribe", "subscribed", "error", "probe", "unsubscribe", "nonsense"])(
    "ignores presence of type %s",
    (type) => {
      expect(decode("<show>dnd</show>", `from='alice@example.test/pc' type='${type}'`)).toBeUndefined();
    },
  );

  test.each(["", "example.test", "example.test/x", "a b@example.test/x", "@/", "alice@example.test"])(
    "ignores presence from %j",
    (from) => {
      expect(decode("", `from='${from}'`)).toBeUndefined();
    },
  );

  test("ignores what the server module shows in the user's name", () => {
    expect(decode("<show>dnd</show><overlaid xmlns='urn:x-presence-gateway:server:1'/>")).toBeUndefined();
    expect(presenceOf("<overlaid xmlns='urn:other'/>").show).toBe("available");
  });

  test("of type unavailable says who is gone: one client, or all with a bare JID", () => {
    expect(decode("", "from='alice@example.test/pc' type='unavailable'")).toEqual({
      kind: "gone",
      presentity: "alice@example.test",
      resource: "pc",
    });
    expect(decode("", "from='alice@example.test' type='unavailable'")).toEqual({
      kind: "gone",
      presentity: "alice@example.test",
      resource: "",
    });
  });

  test.each([
    ["2026-11-23T08:00:00Z", MONDAY_MORNING - 3_600_000],
    ["2026-11-23T09:00:01Z", undefined],
    ["a while", undefined],
  ])("idle since %s is %s (XEP-0319)", (since, idleSince) => {
    expect(presenceOf(`<idle xmlns='urn:xmpp:idle:1' since='${since}'/>`).idleSince).toBe(idleSince);
  });

  test("believes a delay only into the past", () => {
    const delayed = (stamp: string) => presenceOf(`<delay xmlns='urn:xmpp:delay' stamp='${stamp}'/>`).since;
    expect(delayed("2026-11-23T08:00:00Z")).toBe(MONDAY_MORNING - 3_600_000);
    expect(delayed("2036-11-23T08:00:00Z")).toBe(MONDAY_MORNING);
    expect(delayed("yesterday")).toBe(MONDAY_MORNING);
  });

  test("never throws, whatever the stanza holds", () => {
    const text = anyText;
    const child = fc.record({
      name: fc.constantFrom("show", "status", "priority", "delay", "overlaid", "x"),
      namespace: fc.constantFrom("jabber:component:accept", "urn:xmpp:delay", ""),
      attributes: fc.dictionary(fc.constantFrom("xml:lang", "stamp"), text),
      children: fc.array(text, { maxLength: 3 }),
    });
    const stanza = fc.record({
      from: text,
      type: fc.constantFrom("", "unavailable"),
      children: fc.array(child, { maxLength: 12 }),
    });
    fc.assert(
      fc.property(stanza, ({ from, type, children }) => {
        const element = {
          name: "presence",
          namespace: "jabber:component:accept",
          attributes: { from, type },
          children,
        };
        const heard = decodePresence(toStanza(element), MONDAY_MORNING);
        if (heard?.kind !== "present") return;
        expect(heard.presence.since).toBeLessThanOrEqual(MONDAY_MORNING);
        expect(Math.abs(heard.presence.priority)).toBeLessThanOrEqual(128);
      }),
    );
  });
});
