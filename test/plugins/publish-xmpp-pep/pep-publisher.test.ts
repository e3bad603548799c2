import { afterEach, describe, expect, test } from "vitest";
import { PepPublisher } from "../../../plugins/publish-xmpp-pep/pep-publisher.ts";
import { encodeActivity } from "../../../plugins/shared-xmpp/activity.ts";
import { parseBareJid, parsePresentityId } from "../../../src/core/addresses.ts";
import { IN_A_MEETING, ON_THE_PHONE } from "../../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { encodeXml } from "../../../src/xmpp/stanza-writer.ts";
import { MEETING } from "../../contract/presence-publisher.ts";
import { errorTo, forwardedAnswer } from "../../doubles/scripted-xmpp-server.ts";
import { type ScriptedSite, startScriptedSite } from "../xmpp-site.ts";

const ALICE = parsePresentityId("alice@example.test");
const encode = (...args: [Parameters<typeof encodeActivity>[0], string]): string =>
  encodeXml(encodeActivity(...args, TEXT_CATALOGUE));

describe("the activity payload", () => {
  test.each([
    [
      { activity: IN_A_MEETING, text: "in-a-meeting" as const },
      "de-AT",
      `<working><in_a_meeting/></working><text xml:lang="de">In einer Besprechung</text>`,
    ],
    [
      { activity: IN_A_MEETING, text: "in-a-meeting" as const },
      "tlh",
      `<working><in_a_meeting/></working><text xml:lang="en">In a meeting</text>`,
    ],
    [{ activity: ON_THE_PHONE }, "en", "<talking><on_the_phone/></talking>"],
    [{ activity: { general: "relaxing" } }, "en", "<relaxing/>"],
  ])("of %j in %s holds the activity and the text in the matched language", (state, locale, content) => {
    expect(encode(state, locale)).toBe(`<activity xmlns="http://jabber.org/protocol/activity">${content}</activity>`);
  });

  test("is empty without an activity, whatever the text", () => {
    expect(encode({ text: "out-of-office" }, "en")).toBe(`<activity xmlns="http://jabber.org/protocol/activity"/>`);
  });
});

describe("publishing activities", () => {
  let site: ScriptedSite;
  let publisher: PepPublisher;
  const start = async (...args: Parameters<typeof startScriptedSite>): Promise<void> => {
    site = await startScriptedSite(...args);
    publisher = new PepPublisher(site.link, TEXT_CATALOGUE);
    await publisher.start(site.signal);
  };
  const publish = (): Promise<unknown> =>
    publisher.publish({ presentity: ALICE, document: MEETING, locale: "fr" }, site.signal);
  afterEach(async () => {
    await publisher.stop();
    await site.close();
  });

  test("puts working/in_a_meeting into the user's own node under one item id, without publish-options", async () => {
    await start();
    await publish();
    const sent = JSON.stringify(site.server.stanzas.find(({ attributes }) => attributes["to"] === ALICE));
    expect(sent).toContain(`"node":"http://jabber.org/protocol/activity"`);
    expect(sent).toContain(`"id":"current"`);
    expect(sent).not.toContain("publish-options");
    expect(site.activityOf(ALICE)?.children).toMatchObject([
      { name: "working", children: [{ name: "in_a_meeting" }] },
      { name: "text", children: ["En réunion"] },
    ]);
  });

  test.each([
    ["forbidden", "pep-forbidden", "auth"],
    ["service-unavailable", "pep-unavailable", "cancel"],
    ["conflict", "pep-refused", "modify"],
    ["item-not-found", "pep-no-user", "cancel"],
    ["internal-server-error", "xmpp-iq-internal-server-error", "wait"],
    ["resource-constraint", "xmpp-iq-resource-constraint", "cancel"],
  ])("turns the inner error %s into %s", async (condition, code, type) => {
    await start({
      onStanza: (stanza) =>
        stanza.attributes["to"] === ALICE
          ? forwardedAnswer(
              stanza,
              "urn:xmpp:privilege:2",
              `type='error' id='x'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`,
            )
          : undefined,
    });
    await expect(publish()).rejects.toMatchObject({ code, type });
  });

  test("by trusted from, publishes as the user and is done when the server has handled it", async () => {
    await start(
      { advert: undefined, spoofed: "silence" },
      { domains: [{ domain: parseBareJid("example.test"), actsBy: "trusted" }] },
    );
    await publish();
    expect(
      site.server.stanzas.some(({ attributes }) => attributes["from"] === ALICE && attributes["to"] === ALICE),
    ).toBe(true);
    expect(publisher.epoch()).toBe("example.test=persistent");
  });

  test("has no epoch, so that nothing is published, where the server grants nothing", async () => {
    await start({ advert: undefined });
    expect(publisher.epoch()).toBeUndefined();
    await expect(publish()).rejects.toMatchObject({ code: "xmpp-no-access", type: "auth" });
  });

  test("has another epoch for each run of the module, which takes meetings back when the gateway is away", async () => {
    await start({ moduleInstance: "one" });
    await expect.poll(() => publisher.epoch()).toBe("example.test=one");
  });

  test("keeps its epoch over a restart of the server: PEP items are still there", async () => {
    await start();
    await expect.poll(() => publisher.epoch()).toBe("example.test=persistent");
    site.server.drop();
    await expect.poll(() => publisher.epoch()).toBeUndefined();
    await site.runtime.clock.advance(2000);
    await expect.poll(() => publisher.epoch()).toBe("example.test=persistent");
  });

  test("a server that answers the outer iq with an error is understood as well", async () => {
    await start({
      onStanza: (stanza) => (stanza.attributes["to"] === ALICE ? errorTo(stanza, "forbidden", "auth") : undefined),
    });
    await expect(publish()).rejects.toMatchObject({ code: "pep-forbidden", type: "auth" });
  });
});
