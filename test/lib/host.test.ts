import { isIP } from "node:net";
import { describe, expect, it } from "vitest";
import { isLoopback } from "../../src/lib/host.ts";

const OURS = ["localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "::1", "[::1]", "0:0:0:0:0:0:0:1", "0::0:0001"];

describe("a host", () => {
  it.each(OURS)("%s is this machine", (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(isIP(host.replace(/^\[|\]$/g, "")) !== 0 || /^localhost$/i.test(host)).toBe(true);
  });

  it.each([
    ["a name that begins like one", "localhost.example.com"],
    ["a name that begins like an address", "127.0.0.1.example.com"],
    ["no address", "127.0.0.256"],
    ["another address", "128.0.0.1"],
    ["another IPv6 address", "[::2]"],
    ["an address that ends in one", "[fe80::1]"],
    ["less than an address", "0:0:1"],
    ["nothing", ""],
  ])("is another machine where it is %s", (_, host) => expect(isLoopback(host)).toBe(false));
});
