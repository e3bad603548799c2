import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMessage, requestLine } from "../../../plugins/shared-sip/encode-message.ts";
import { MessageFramer, parseDatagram } from "../../../plugins/shared-sip/message-framer.ts";
import { SipMessage, SipSyntaxError } from "../../../plugins/shared-sip/sip-message.ts";

const OK = encodeMessage("SIP/2.0 200 OK", [
  ["Via", "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKabc"],
  ["From", "<sip:alice@example.com>;tag=1"],
  ["To", "<sip:alice@example.com>;tag=2"],
  ["Call-ID", "c1"],
  ["CSeq", "1 PUBLISH"],
  ["SIP-ETag", "a.1"],
  ["Expires", "3600"],
]);
const NOTIFY = encodeMessage(
  "NOTIFY sip:gateway@127.0.0.1 SIP/2.0",
  [["Event", "presence"]],
  "<naïve>é\u{1F600}</naïve>",
);

const cut = (stream: Buffer, sizes: readonly number[]): readonly SipMessage[] => {
  const framer = new MessageFramer();
  const messages: SipMessage[] = [];
  let from = 0;
  for (const size of [...sizes, stream.length]) {
    messages.push(...framer.push(stream.subarray(from, from + size)));
    from += size;
  }
  return messages;
};

describe("SIP messages on a stream", () => {
  it("come out the same wherever the stream is cut", () => {
    const stream = Buffer.from(`\r\n\r\n${OK}${NOTIFY}\r\n${OK}`);
    for (let at = 0; at <= stream.length; at++) {
      const messages = cut(stream, [at]);
      expect(messages.map(({ startLine }) => startLine)).toEqual([
        "SIP/2.0 200 OK",
        "NOTIFY sip:gateway@127.0.0.1 SIP/2.0",
        "SIP/2.0 200 OK",
      ]);
      expect(messages[1]?.body).toBe("<naïve>é\u{1F600}</naïve>");
    }
    expect(
      cut(
        stream,
        Array.from(stream, () => 1),
      ),
    ).toHaveLength(3);
  });

  it("tells of keep-alives", () => {
    let pings = 0;
    const framer = new MessageFramer(() => pings++);
    for (const part of ["\r", "\n", "\r\n"]) expect([...framer.push(Buffer.from(part))]).toEqual([]);
    expect(pings).toBe(2);
  });

  it.each([
    ["a head without end", `SIP/2.0 200 OK\r\nX: ${"a".repeat(20_000)}`],
    ["too many lines", `SIP/2.0 200 OK\r\n${"a: b\r\n".repeat(300)}\r\n`],
    ["a length of nonsense", "SIP/2.0 200 OK\r\nContent-Length: -5\r\n\r\n"],
    ["a length without end", "SIP/2.0 200 OK\r\nl: 99999999999\r\n\r\n"],
    ["a body that is too large", "SIP/2.0 200 OK\r\nl: 300000\r\n\r\n"],
    ["two lengths", "SIP/2.0 200 OK\r\nContent-Length: 0\r\nl: 5\r\n\r\n"],
    ["a line without a name", "SIP/2.0 200 OK\r\n: x\r\n\r\n"],
    ["a line without a colon", "SIP/2.0 200 OK\r\nnonsense\r\n\r\n"],
    ["a continuation of nothing", "SIP/2.0 200 OK\r\n x\r\n\r\n"],
  ])("refuses %s", (_, text) => {
    expect(() => [...new MessageFramer().push(Buffer.from(text))]).toThrow(SipSyntaxError);
  });

  it("throws nothing but SipSyntaxError, whatever comes", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom("\r\n", "\r\n\r\n", "SIP/2.0 200 OK", "l: 5", "Via: x", ":", " folded", OK, NOTIFY)
        .map((t) => Buffer.from(t)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const framer = new MessageFramer();
        try {
          for (const each of pieces)
            for (const message of framer.push(each)) void [message.body, message.header("via"), message.headers("l")];
          parseDatagram(Buffer.concat(pieces));
        } catch (error) {
          expect(error).toBeInstanceOf(SipSyntaxError);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("a SIP message", () => {
  it("knows compact names, letter case, folded lines and repeated headers", () => {
    const message = SipMessage.parse("SIP/2.0 200 OK\r\nv: one\r\nVIA : two\r\nSubject: a\r\n  b\r\n\tc");
    expect(message.headers("Via")).toEqual(["one", "two"]);
    expect(message.header("s")).toBe("a b c");
    expect(message.header("absent")).toBeUndefined();
  });

  it("takes of a datagram no more than its length says", () => {
    expect(parseDatagram(Buffer.from("SIP/2.0 200 OK\r\nl: 2\r\n\r\nabXX"))?.body).toBe("ab");
    expect(parseDatagram(Buffer.from("SIP/2.0 200 OK\r\nX: y\r\n\r\nabXX"))?.body).toBe("abXX");
    expect(() => parseDatagram(Buffer.from("SIP/2.0 200 OK\r\nl: 9\r\n\r\nab"))).toThrow(SipSyntaxError);
    expect(parseDatagram(Buffer.from("\r\n\r\n"))).toBeUndefined();
  });

  it.each(["a\r\nX: y", "a\ny", "a\0", "a\rb", "\x7f"])("is never written with the header value %j", (value) => {
    expect(() => encodeMessage("SIP/2.0 200 OK", [["X", value]])).toThrow(
      expect.objectContaining({ code: "sip-request-invalid" }),
    );
    expect(() => encodeMessage("SIP/2.0 200 OK", [[value, "x"]])).toThrow();
  });

  it.each(["sip:a@b\r\nX: y", "sip:a b@c", "sip:<a@b>", 'sip:"a@b', "", "alice", "sip:", "sip:a@b\u00e9"])(
    "is never written for the address %j",
    (uri) => {
      expect(() => requestLine("PUBLISH", uri)).toThrow(expect.objectContaining({ code: "sip-request-invalid" }));
    },
  );

  it("counts its length in bytes, also of half a surrogate pair", () => {
    const text = encodeMessage("SIP/2.0 200 OK", [], "é\ud83d\u{1F600}");
    expect(text).toContain("Content-Length: 9\r\n");
    expect(cut(Buffer.from(`${text}${OK}`), [])[0]?.body).toBe("é\ufffd\u{1F600}");
  });

  it("is read back as it was written", () => {
    const value = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replace(/\p{Cc}|^ +| +$/gu, ""));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), fc.string({ unit: "grapheme" }), (values, body) => {
        const text = encodeMessage(
          "SIP/2.0 200 OK",
          values.map((each) => ["X-Any", each] as const),
          body,
        );
        const [message] = cut(Buffer.from(text), []);
        expect(message?.body).toBe(body);
        expect(message?.headers("x-any")).toEqual(values.map((each) => each.replace(/^ +| +$/g, "")));
      }),
      { numRuns: 100 },
    );
  });
});
