import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchHost } from "../../../src/admin/certificates/match-host.ts";
import { readDetails } from "../../../src/admin/certificates/read-der.ts";
import { makeCertificate, makeKey } from "../../doubles/certificate-maker.ts";

const key = makeKey();
const certificateFor = (names: readonly string[] | undefined, commonName = "cn.example.com"): Buffer =>
  makeCertificate({ commonName, key, ...(names && { names }) }).der;

const match = (host: string, names?: readonly string[], commonName?: string): string => {
  const found = matchHost(host, readDetails(certificateFor(names, commonName)));
  return "finding" in found ? found.finding.kind : `${found.name}${found.note ? ` (${found.note.kind})` : ""}`;
};

describe("matching a host with a certificate", () => {
  it.each<readonly [string, string, readonly string[], string]>([
    ["[C1] standard", "mail.example.com", ["mail.example.com"], "mail.example.com"],
    ["[C2b] any case, dot at the end", "MAIL.Example.com.", ["Mail.example.COM"], "Mail.example.COM"],
    ["[C2] one name of many", "b.example.com", ["a.example.com", "b.example.com", "192.0.2.1"], "b.example.com"],
    ["[C2] IPv4", "192.0.2.1", ["a.example.com", "192.0.2.1"], "192.0.2.1"],
    ["[C2] IPv6 in any spelling", "[2001:DB8:0:0::1]", ["2001:db8::1"], "2001:db8::1"],
    ["another address", "192.0.2.10", ["192.0.2.1"], "wrong-address"],
    ["an address as a DNS name", "192.0.2.1", ["a.example.com"], "wrong-address"],
    ["a name for an address", "a.example.com", ["192.0.2.1"], "wrong-name"],
    ["[C3] [C4] wildcard of one label", "foo.a.com", ["*.a.com"], "*.a.com"],
    ["[C3] wildcard of two labels", "bar.foo.a.com", ["*.a.com"], "wildcard-too-deep"],
    ["wildcard without a label", "a.com", ["*.a.com"], "wrong-name"],
    ["wildcard of a top-level domain", "a.com", ["*.com"], "wildcard-too-deep"],
    ["wildcard inside", "foo.a.com", ["foo.*.com"], "wrong-name"],
    ["part of a label", "foo.a.com", ["f*.a.com"], "wrong-name"],
    ["a NUL", "mail.example.com", ["mail.example.com\0.evil.test"], "wrong-name"],
    ["a suffix", "evil-example.com", ["example.com"], "wrong-name"],
    ["punycode", "xn--bcher-kva.example.com", ["xn--bcher-kva.example.com"], "xn--bcher-kva.example.com"],
  ])("%s", (_what, host, names, expected) => {
    expect(match(host, names)).toBe(expected);
  });

  it("[C4] ignores the common name beside a subjectAltName, and says so", () => {
    const found = matchHost("mail.example.com", readDetails(certificateFor(["x.example.com"], "mail.example.com")));
    expect(found).toMatchObject({ finding: { kind: "wrong-name", text: expect.stringContaining("RFC 6125") } });
  });

  it("[C4] [C11] takes the common name where there is no subjectAltName, also a wildcard or an address, with a note", () => {
    expect(match("mail.example.com", undefined, "mail.example.com")).toBe("mail.example.com (common-name-only)");
    expect(match("mail.example.com", undefined, "*.example.com")).toBe("*.example.com (common-name-only)");
    expect(match("192.0.2.1", undefined, "192.0.2.1")).toBe("192.0.2.1 (common-name-only)");
    expect(match("other.example.com", undefined, "mail.example.com")).toBe("wrong-name");
  });

  it("is never more lenient than OpenSSL", () => {
    const label = fc.constantFrom("a", "b", "*", "f*", "xn--a", "com", "");
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(name, fc.array(name, { minLength: 1, maxLength: 3 }), (host, names) => {
        const der = certificateFor(names);
        if ("finding" in matchHost(host, readDetails(der))) return;
        expect(new X509Certificate(der).checkHost(host.replace(/\.$/, ""), { subject: "never" })).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});
