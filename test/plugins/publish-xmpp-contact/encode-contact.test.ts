import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  contactPresence,
  encodeContact,
  reduceToContact,
} from "../../../plugins/publish-xmpp-contact/encode-contact.ts";
import { parseBareJid, parsePresentityId } from "../../../src/core/addresses.ts";
import type { PresenceDocument } from "../../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { encodeXml } from "../../../src/xmpp/stanza-writer.ts";
import { MEETING } from "../../contract/presence-publisher.ts";

const encode = (document: PresenceDocument, ...locales: readonly string[]): string =>
  encodeContact(reduceToContact(document), locales, TEXT_CATALOGUE)
    .map((child) => encodeXml(child))
    .join("");

describe("the presence of a contact JID", () => {
  test("carries the show, and the state in the user's language, the site's and English", () => {
    expect(encode(MEETING, "nl", "de")).toBe(
      `<show>dnd</show><status xml:lang="nl">In vergadering</status><status xml:lang="de">In einer Besprechung</status><status xml:lang="en">In a meeting</status>`,
    );
  });

  test("carries what the client says for itself", () => {
    const note = { "": "tea", de: "Tee" };
    expect(encode({ show: "away", source: "client", note }, "de")).toBe(
      `<show>away</show><status>tea</status><status xml:lang="de">Tee</status>`,
    );
    expect(encode({ show: "available", source: "client" }, "de")).toBe("");
  });

  test("hides the client's note behind the gateway's own text", () => {
    expect(encode({ ...MEETING, note: { "": "tea" } }, "en")).toBe(
      `<show>dnd</show><status xml:lang="en">In a meeting</status>`,
    );
  });

  test("is the same whoever says it and until when, so that nothing unchanged is sent again", () => {
    const source = fc.constantFrom("client" as const, "calendar" as const, "phone" as const, "override" as const);
    fc.assert(
      fc.property(source, fc.integer({ min: 0, max: 127 }), (who, priority) => {
        const { until: _, activity: __, ...plain } = MEETING;
        expect(reduceToContact({ ...plain, source: who, priority })).toEqual(reduceToContact(MEETING));
      }),
    );
  });

  test("comes from a resource, and answers to subscriptions from the bare JID", () => {
    const send = (type?: "subscribed" | "unsubscribed" | "unavailable"): string | undefined =>
      contactPresence(parsePresentityId("alice@example.com"), parseBareJid("cal.example.com"), { to: "b@c", type })
        .attributes?.["from"];
    const bare = String.raw`alice\40example.com@cal.example.com`;
    expect([send("subscribed"), send("unsubscribed")]).toEqual([bare, bare]);
    expect([send(), send("unavailable")]).toEqual([`${bare}/calendar`, `${bare}/calendar`]);
  });
});
