import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDatagram } from "../../src/shell/parse-datagram.ts";

const parse = (text: string) => parseDatagram(Buffer.from(text, "latin1"));

describe("a datagram", () => {
  it("is a NOTIFY with headers and perhaps a body", () => {
    const found = parse(
      "NOTIFY httpu://gw.example.com:50020/n/abc?d=1 HTTP/1.1\r\nSubscription-id: 15, 16\r\nX:\r\n\r\n\0body",
    );
    expect(found?.path).toBe("/n/abc?d=1");
    expect([...(found?.headers ?? [])]).toEqual([
      ["subscription-id", "15, 16"],
      ["x", ""],
    ]);
    expect(Buffer.from(found?.body ?? []).toString()).toBe("\0body");
  });

  it("may name the path alone, end lines by LF, and lack the empty line", () => {
    expect(parse("NOTIFY /n/a HTTP/1.1\nA: 1\nA: 2\n\n")?.headers.get("a")).toBe("1, 2");
    expect(parse("NOTIFY /n/a HTTP/1.1\r\n")?.path).toBe("/n/a");
  });

  it.each([
    "",
    "NOTIFY",
    "POST /n/a HTTP/1.1\r\n\r\n",
    "NOTIFY * HTTP/1.1\r\n\r\n",
    "NOTIFY /n/a HTTP/1.1\r\nno header\r\n\r\n",
    `NOTIFY /n/a HTTP/1.1\r\n${"A: 1\r\n".repeat(65)}\r\n`,
    `NOTIFY /n/a HTTP/1.1\r\nA: ${"x".repeat(9000)}\r\n\r\n`,
  ])("that is something else is none: %j", (text) => {
    expect(parse(text.slice(0, 10_000))).toBeUndefined();
  });

  it("of any bytes never throws", () => {
    const pieces = fc.constantFrom("NOTIFY ", "/n/a", " HTTP/1.1", "\r\n", "\n", "A:", " b", "\0", "httpu://h:1");
    fc.assert(fc.property(fc.array(pieces), (parts) => (parse(parts.join(""))?.path ?? "/").startsWith("/")));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => parseDatagram(bytes) === undefined || true));
  });
});
