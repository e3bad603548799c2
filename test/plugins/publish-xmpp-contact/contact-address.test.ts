import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  contactJidOf,
  escapeLocalPart,
  presentityOfContact,
  unescapeLocalPart,
  watcherOf,
} from "../../../plugins/publish-xmpp-contact/contact-address.ts";
import { parseBareJid, parsePresentityId } from "../../../src/core/addresses.ts";

const COMPONENT = parseBareJid("calendar.example.com");
const ALICE = parsePresentityId("alice@example.com");

/** XEP-0106 section 5: the examples, and those of section 4.2 about backslashes. */
const EXAMPLES: readonly (readonly [text: string, escaped: string])[] = [
  ["space cadet@example.com", String.raw`space\20cadet\40example.com`],
  [`call me "ishmael"@example.com`, String.raw`call\20me\20\22ishmael\22\40example.com`],
  ["at&t guy@example.com", String.raw`at\26t\20guy\40example.com`],
  ["d'artagnan@example.com", String.raw`d\27artagnan\40example.com`],
  ["/.fanboy@example.com", String.raw`\2f.fanboy\40example.com`],
  ["::foo::@example.com", String.raw`\3a\3afoo\3a\3a\40example.com`],
  ["<foo>@example.com", String.raw`\3cfoo\3e\40example.com`],
  [String.raw`c:\net`, String.raw`c\3a\net`],
  [String.raw`c:\5commas`, String.raw`c\3a\5c5commas`],
  [String.raw`foo\40bar`, String.raw`foo\5c40bar`],
];

const piece = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("\\", "\\5c", "\\40", "\\4", "5c", "@", " ", "\\20", "/", "&", "\\\\"),
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

describe("escaping of local parts (XEP-0106)", () => {
  test.each(EXAMPLES)("%s is %s", (plain, escaped) => {
    expect(escapeLocalPart(plain)).toBe(escaped);
    expect(unescapeLocalPart(escaped)).toBe(plain);
  });

  test("is undone by unescaping, whatever the text, and leaves nothing that a local part must not have", () => {
    fc.assert(
      fc.property(text, (plain) => {
        expect(unescapeLocalPart(escapeLocalPart(plain))).toBe(plain);
        expect(escapeLocalPart(plain)).not.toMatch(/[ "&'/:<>@]/);
      }),
    );
  });
});

describe("a contact JID", () => {
  test("stands for its presentity, with a resource or without", () => {
    const contact = contactJidOf(ALICE, COMPONENT);
    expect(contact).toBe(String.raw`alice\40example.com@calendar.example.com`);
    expect(presentityOfContact(contact, COMPONENT)).toBe(ALICE);
    expect(presentityOfContact(`${contact}/calendar`, COMPONENT)).toBe(ALICE);
  });

  test("stands for one whose own local part is escaped", () => {
    const presentity = parsePresentityId(String.raw`d\27artagnan@example.com`);
    const contact = contactJidOf(presentity, COMPONENT);
    expect(contact).toBe(String.raw`d\5c27artagnan\40example.com@calendar.example.com`);
    expect(presentityOfContact(contact, COMPONENT)).toBe(presentity);
  });

  test.each([
    "calendar.example.com",
    "calendar@calendar.example.com",
    String.raw`alice\40example.com@other.example.com`,
    String.raw`alice\40example.com`,
    String.raw`Alice\40example.com@calendar.example.com`,
    String.raw`alice\40Example.com@calendar.example.com`,
    String.raw`\5calice\40example.com@calendar.example.com`,
    String.raw`\40example.com@calendar.example.com`,
    String.raw`alice\40@calendar.example.com`,
    String.raw`alice\40a\40b@calendar.example.com`,
    String.raw`al\20ice\40example.com@calendar.example.com`,
    "@calendar.example.com",
    "",
    "/",
  ])("is not %j", (address) => {
    expect(presentityOfContact(address, COMPONENT)).toBeUndefined();
  });

  test("is the only address that stands for the presentity", () => {
    fc.assert(
      fc.property(text, (local) => {
        const address = `${local}@${COMPONENT}`;
        const presentity = presentityOfContact(address, COMPONENT);
        if (presentity) expect(contactJidOf(presentity, COMPONENT)).toBe(address.replace(/\/.*$/s, ""));
      }),
    );
  });
});

describe("a watcher", () => {
  test.each([
    ["bob@example.com/pc", "bob@example.com"],
    ["Bob@Example.com", "bob@example.com"],
    ["\u212Aevin@example.com", undefined], // a Kelvin sign is no k
    ["example.com", undefined],
    ["", undefined],
    ["@/", undefined],
  ])("from %j is %j", (from, watcher) => {
    expect(watcherOf(from)).toBe(watcher);
  });
});
