import { describe, expect, it } from "vitest";
import { candidateEndpoints } from "../../../../plugins/calendar-ews/autodiscover/candidates.ts";
import { domainOfHost, type HostRule, mayBeTold } from "../../../../plugins/calendar-ews/autodiscover/host-rule.ts";

const ruleOf = (server: string, hosts: readonly string[] = [], endpoint?: string): HostRule => ({
  server: new URL(server),
  endpoint: endpoint === undefined ? undefined : new URL(endpoint),
  hosts,
});
const RULE = ruleOf("https://mail.example.com/EWS/Exchange.asmx", ["ews.example.net", "*.example.org"]);
const may = (url: string, rule = RULE): boolean => mayBeTold(new URL(url), rule);

describe("[R4] the password may be sent to", () => {
  it.each([
    "https://mail.example.com/autodiscover/autodiscover.svc",
    "https://MAIL.example.com:8443/",
    "https://mail.example.com./",
    "https://example.com/autodiscover/autodiscover.xml",
    "https://autodiscover.example.com/",
    "https://deep.below.example.com/",
    "https://ews.example.net/",
    "https://any.example.org/",
    "http://localhost:8080/",
  ])("%s", (url) => {
    const rule = url.includes("localhost") ? ruleOf("http://localhost:80/EWS/Exchange.asmx") : RULE;
    expect(may(url, rule)).toBe(true);
  });

  it.each([
    "http://mail.example.com/",
    "https://mail.example.com.evil.example/",
    "https://evilexample.com/",
    "https://example.net/",
    "https://ews.example.net.evil.example/",
    "https://below.ews.example.net/",
    "https://example.org/",
    "https://evilexample.org/",
    "https://svc:secret@mail.example.com/",
    "https://127.0.0.1/",
    "http://127.0.0.1/",
    "ftp://mail.example.com/",
  ])("nobody at %s", (url) => {
    expect(may(url)).toBe(false);
  });

  it("nobody who only shares a registry's second level, or a number", () => {
    expect(may("https://evil.co.uk/", ruleOf("https://firm.co.uk/"))).toBe(false);
    expect(may("https://autodiscover.firm.co.uk/", ruleOf("https://mail.firm.co.uk/"))).toBe(true);
    expect(may("https://192.0.2.8/", ruleOf("https://192.0.2.7/"))).toBe(false);
    expect(may("https://evil.example/", ruleOf("https://exchange/"))).toBe(false);
  });

  it("the host of an endpoint that was configured", () => {
    const rule = ruleOf("https://mail.example.com/", [], "https://discover.example.net/autodiscover/autodiscover.svc");
    expect(may("https://discover.example.net/autodiscover/autodiscover.xml", rule)).toBe(true);
    expect(may("https://other.example.net/", rule)).toBe(false);
  });

  it.each([
    ["mail.example.com", "example.com"],
    ["a.b.example.com", "b.example.com"],
    ["example.com", undefined],
    ["mail.co.uk", undefined],
    ["mail.bbc.co.uk", "bbc.co.uk"],
    ["localhost", undefined],
    ["[::1]", undefined],
    ["192.0.2.7", undefined],
  ])("the domain of %s is %s", (host, domain) => {
    expect(domainOfHost(host)).toBe(domain);
  });
});

describe("[R4] the endpoints to try", () => {
  const { signal } = new AbortController();
  const list = async (rule: HostRule, records: readonly object[] = []): Promise<readonly string[]> => {
    const found: string[] = [];
    const resolveSrv = async (name: string) => {
      expect(name).toBe("_autodiscover._tcp.example.com");
      if (records.length === 0) throw new Error("ENOTFOUND");
      return records.map((record) => ({ name: "a.example.com", port: 443, priority: 0, weight: 0, ...record }));
    };
    for await (const url of candidateEndpoints("example.com", { rule, resolveSrv }, signal)) found.push(url.href);
    return found;
  };

  it("are the configured server's, the domain's by name, and those of its SRV records in order; all encrypted", async () => {
    const records = [
      { name: "late.example.com", priority: 9 },
      { name: "first.example.com", port: 8443 },
    ];
    expect(await list(RULE, records)).toEqual([
      "https://mail.example.com/autodiscover/autodiscover.svc",
      "https://example.com/autodiscover/autodiscover.svc",
      "https://autodiscover.example.com/autodiscover/autodiscover.svc",
      "https://first.example.com:8443/autodiscover/autodiscover.svc",
      "https://late.example.com/autodiscover/autodiscover.svc",
    ]);
  });

  it("end with the names when there is no SRV record, and are few when there are many", async () => {
    expect(await list(RULE)).toHaveLength(3);
    expect(
      await list(
        RULE,
        Array.from({ length: 100 }, () => ({})),
      ),
    ).toHaveLength(7);
    expect(await list(RULE, [{ name: "no host" }])).toHaveLength(3);
  });

  it("are the configured one and no other", async () => {
    const endpoint = "https://discover.example.net/autodiscover/autodiscover.svc";
    expect(await list(ruleOf("https://mail.example.com/", [], endpoint), [{}])).toEqual([endpoint]);
  });
});
