import { describe, expect, it } from "vitest";
import { locateServers, parseServerNames } from "../../../plugins/shared-sip/locate-servers.ts";

const { signal } = new AbortController();
const record = (name: string, priority: number, weight: number) => ({ name, port: 5070, priority, weight });

describe("the servers to try (RFC 3263)", () => {
  it.each([
    ["sip.example.com", [{ host: "sip.example.com", port: undefined }]],
    ["SIP.example.com:5080", [{ host: "sip.example.com", port: 5080 }]],
    [
      "192.0.2.1, [2001:db8::1]:5060",
      [
        { host: "192.0.2.1", port: undefined },
        { host: "2001:db8::1", port: 5060 },
      ],
    ],
  ])("are read from %s", (text, names) => {
    expect(parseServerNames(text)).toEqual(names);
  });

  it.each(["", "a b", "a:0", "a:99999", "[1.2.3.4]", "sip:a", "a,,b", "a\r\nb", "-a", "a/b"])(
    "are not read from %j",
    (text) => {
      expect(parseServerNames(text)).toBeUndefined();
    },
  );

  it("come by priority, and of one priority the heavier first as a rule", async () => {
    let seed = 0;
    const random = (): number => {
      seed = (seed * 7919 + 13) % 1000;
      return seed / 1000;
    };
    const firsts: string[] = [];
    for (let round = 0; round < 200; round++) {
      const hops = await locateServers(
        [{ host: "example.com", port: undefined }],
        "tls",
        { random, resolveSrv: async () => [record("last", 20, 0), record("light", 10, 10), record("heavy", 10, 90)] },
        signal,
      );
      expect(hops.at(-1)).toEqual({ host: "last", port: 5070, name: "example.com" });
      firsts.push(hops[0]?.host ?? "");
    }
    const heavy = firsts.filter((host) => host === "heavy").length;
    expect(heavy).toBeGreaterThan(150);
    expect(heavy).toBeLessThan(200);
  });

  it.each([
    ["udp", 5060],
    ["tcp", 5060],
    ["tls", 5061],
  ] as const)("are the name itself at the port of %s where DNS has no records", async (transport, port) => {
    const resolveSrv = () => Promise.reject(new Error("ENOTFOUND"));
    const names = [{ host: "example.com", port: undefined }];
    expect(await locateServers(names, transport, { random: () => 0.5, resolveSrv }, signal)).toEqual([
      { host: "example.com", port, name: "example.com" },
    ]);
  });
});
