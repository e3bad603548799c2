import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AddressError,
  bareJidOf,
  domainOf,
  parseBareJid,
  parseMailbox,
  parsePresentityId,
  parseSipAor,
  resourceOf,
  sipKeyOf,
} from "../../src/core/addresses.ts";
import { anyText } from "../lib/any-text.ts";

/** Whole Unicode with lone surrogates, and the characters that mean something in an address. */
const hostileText = fc.oneof(
  anyText,
  fc.string({
    unit: fc.constantFrom(..."aZ@./:;%[]\"'<>&=? \u0000\u200b\ud800\uff0e\uff20\u0130\u212a\u0331Hßσς".split("")),
  }),
  fc
    .tuple(anyText, fc.constantFrom("example.com", "EXAMPLE.org.", "münchen.example"))
    .map(([local, domain]) => `${local}@${domain}`),
  anyText.map((user) => `sip:${user}@example.com`),
);

const PARSERS = { parseBareJid, parsePresentityId, parseMailbox, parseSipAor, bareJidOf };

describe.each(Object.entries(PARSERS))("%s", (_, parse) => {
  it("returns an address that parses to itself, or throws AddressError and nothing else", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        let address: string;
        try {
          address = parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(AddressError);
          return;
        }
        expect(parse(address)).toBe(address);
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses a text of megabytes with a short message", () => {
    for (const text of [
      "a".repeat(5_000_000),
      `${"a".repeat(5_000_000)}@example.com`,
      `a@${"b.".repeat(2_000_000)}c`,
    ]) {
      const refusal = (() => {
        try {
          return parse(text);
        } catch (error) {
          return error instanceof AddressError ? error.message : "not an AddressError";
        }
      })();
      expect(refusal).toMatch(/ is not /);
      expect(refusal.length).toBeLessThan(250);
    }
  });
});

describe("a bare JID", () => {
  it.each([
    ["alice@example.com", "alice@example.com"],
    ["Alice@EXAMPLE.com.", "alice@example.com"],
    ["ａｌｉｃｅ@example.com", "alice@example.com"],
    ["STRASSE@Straße.example", "strasse@straße.example"],
    // The capital has no composed form, the small letter has: comparison needs the composed one.
    ["J\u030c@example.com", "\u01f0@example.com"],
    ["example.com", "example.com"],
    ["alice@[2001:DB8::1]", "alice@[2001:db8::1]"],
    ["alice\\40example.org@calendar.example.com", "alice\\40example.org@calendar.example.com"],
  ])("%s is %s", (text, jid) => {
    expect(parseBareJid(text)).toBe(jid);
  });

  it.each([
    "",
    "@",
    "@example.com",
    "alice@",
    "alice@example.com/desk",
    "alice@bob@example.com",
    "al ice@example.com",
    "alice\u200b@example.com",
    "alice\ud800@example.com",
    "al/ice@example.com",
    "<alice>@example.com",
    "alice＠example.com",
    "alice@-example.com",
    "alice@example..com",
    "alice@example.com..",
    `${"a".repeat(1024)}@example.com`,
    `alice@${"a".repeat(254)}`,
  ])("is not %j", (text) => {
    expect(() => parseBareJid(text)).toThrow(AddressError);
  });

  it("of a stanza's address is the part before the first slash, the resource what follows", () => {
    const full = "Alice@example.com/desk/2@home";
    expect(bareJidOf(full)).toBe("alice@example.com");
    expect(resourceOf(full)).toBe("desk/2@home");
    expect(resourceOf("alice@example.com")).toBe("");
    expect(domainOf(bareJidOf(full))).toBe("example.com");
    expect(domainOf(parseBareJid("example.com"))).toBe("example.com");
  });

  it("names a presentity only with a local part", () => {
    expect(parsePresentityId("alice@example.com")).toBe("alice@example.com");
    expect(() => parsePresentityId("example.com")).toThrow(/no user's JID/);
  });
});

describe("a mailbox", () => {
  it("is compared without case and without white space around it", () => {
    expect(parseMailbox("  Alice.O'Brien+x@Example.COM ")).toBe("alice.o'brien+x@example.com");
  });

  it.each([
    "alice",
    "@example.com",
    "alice@",
    "a b@example.com",
    "<alice@example.com>",
    "a,b@example.com",
    `${"a".repeat(65)}@x.y`,
    `${"İ".repeat(40)}@x.y`,
  ])("is not %j", (text) => {
    expect(() => parseMailbox(text)).toThrow(AddressError);
  });
});

describe("a SIP address of record", () => {
  it("keeps the case of the user and not that of scheme and host", () => {
    expect(parseSipAor("SIP:Alice%20B@Example.com:5060")).toBe("sip:Alice%20B@example.com:5060");
    expect(parseSipAor("sips:alice@example.com")).toBe("sips:alice@example.com");
  });

  it("is the same text for equal addresses (RFC 3261 19.1.4)", () => {
    expect(parseSipAor("sip:%61lice%2f%3b@example.com.")).toBe("sip:alice/%3B@example.com");
    expect(parseSipAor("sip:+43-1@[2001:DB8::1]:05060")).toBe("sip:+43-1@[2001:db8::1]:5060");
    expect(sipKeyOf(parseSipAor("sips:Alice@EXAMPLE.com"))).toBe(sipKeyOf(parseSipAor("sip:alice@example.com")));
  });

  it.each([
    "alice@example.com",
    "sip:example.com",
    "sip:alice@example.com;transport=tcp",
    "sip:alice@example.com?x=y",
    "sip:a%zz@x.y",
    "sip:alice@example.com\r\nEvent: x",
    "sip:ali\rce@example.com",
    "sip:ali%0d%0aEvent: x@example.com",
    "sip:%0D%0A@example.com",
    "sip:alice@exam%0aple.com",
    "sip:alice>@example.com",
    "sip:älice@example.com",
    "sip:alice@münchen.example",
    "sip:alice@example.com:0",
    "sip:alice@example.com:65536",
    `sip:${"a".repeat(250)}@example.com`,
    "tel:+4312345",
  ])("is not %j", (text) => {
    expect(() => parseSipAor(text)).toThrow(AddressError);
  });
});
