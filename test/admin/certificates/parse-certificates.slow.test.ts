import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { factsOf, parseCertificate, parseCertificates } from "../../../src/admin/certificates/parse-certificates.ts";
import { readDetails, readPkcs7 } from "../../../src/admin/certificates/read-der.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { makeCertificate, makePkcs7, makeRoot } from "../../doubles/certificate-maker.ts";

const root = makeRoot();
const middle = makeRoot("Example Issuing", { issuer: root });
const server = makeCertificate({
  commonName: "mail.example.com",
  names: ["mail.example.com", "192.0.2.1", "2001:db8::1"],
  issuer: middle,
});

const names = (given: string | Uint8Array) => parseCertificates(given).map((each) => factsOf(each).subject);
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "none";
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
};

describe("reading certificates", () => {
  it("[C13] takes PEM, several with comments between, with any line ends or none", () => {
    const text = `Bag Attributes\r\n${root.pem}\nsubject=x\n${middle.pem.replaceAll("\n", "\r\n")}`;
    expect(names(text)).toEqual(["CN=Example Root", "CN=Example Issuing"]);
    expect(names(text.replaceAll(/\s+/g, " "))).toHaveLength(2);
  });

  it("[C13] takes DER, the base64 of DER without armour, and a file of either", () => {
    expect(names(root.der)).toEqual(["CN=Example Root"]);
    expect(names(root.der.toString("base64"))).toEqual(["CN=Example Root"]);
    expect(names(Buffer.from(root.pem))).toEqual(["CN=Example Root"]);
  });

  it("takes PKCS#7, as DER, as base64 and as PEM", () => {
    const p7b = makePkcs7([root, middle]);
    const armoured = `-----BEGIN PKCS7-----\n${p7b.toString("base64")}\n-----END PKCS7-----`;
    for (const given of [p7b, p7b.toString("base64"), armoured]) {
      expect(parseCertificates(given).map(({ raw }) => raw.toString("hex"))).toEqual(
        [root, middle].map(({ der }) => der.toString("hex")),
      );
    }
  });

  it("takes each once", () => {
    expect(names(root.pem + root.pem)).toHaveLength(1);
  });

  it("knows what node:crypto does not tell", () => {
    expect(readDetails(server.der)).toMatchObject({
      weakHash: undefined,
      commonNames: ["mail.example.com"],
      dnsNames: ["mail.example.com"],
      ipAddresses: ["192.0.2.1", "2001:db8::1"],
      hasAltNames: true,
    });
    expect(readDetails(server.der).authorityKeyId).toBe(readDetails(middle.der).subjectKeyId);
    expect(factsOf(new X509Certificate(server.der)).sha256).toBe(server.sha256);
  });

  it.each([
    ["nothing", ""],
    ["prose", "no certificate at all"],
    ["base64 of prose", Buffer.from("no certificate").toString("base64")],
    ["a PEM of another kind", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"],
    ["a certificate cut short", root.der.subarray(0, -10).toString("base64")],
    ["a certificate with more behind it", Buffer.concat([root.der, Buffer.of(0)]).toString("base64")],
    ["an empty PKCS#7", makePkcs7([]).toString("base64")],
  ])("refuses %s", (_what, text) => {
    expect(codeOf(() => parseCertificates(text))).toBe("certificate-unreadable");
  });

  it("says that a private key was sent along", () => {
    expect(() => parseCertificates(root.pem + root.keyPem)).toThrow(/consider it known/);
  });

  it("refuses what is too large or too many", () => {
    const many = Array.from({ length: 33 }, (_, index) => makeRoot(`Root ${index}`, { key: root.key }));
    const fat = makeRoot("x".repeat(70_000), { key: root.key });
    for (const given of [many.map(({ pem }) => pem).join(""), makePkcs7(many), fat.pem, "A".repeat(3_000_000)]) {
      expect(codeOf(() => parseCertificates(given))).toBe("certificate-too-large");
    }
    expect(codeOf(() => parseCertificates(Buffer.alloc(1_100_000, 0x30)))).toBe("certificate-too-large");
  });

  it("survives anything: bytes, changed certificates, changed PKCS#7, deep nesting", () => {
    const spoil = (der: Buffer, changes: readonly (readonly [number, number])[]): Buffer => {
      const copy = Buffer.from(der);
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return copy;
    };
    const change = fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const changed = [server.der, makePkcs7([server, root])].map((der) => change.map((list) => spoil(der, list)));
    const anything = fc.oneof(fc.uint8Array({ maxLength: 300 }), ...changed, fc.string({ maxLength: 300 }));
    fc.assert(
      fc.property(anything, (given) => {
        expect(["none", "certificate-unreadable", "certificate-too-large"]).toContain(
          codeOf(() => parseCertificates(given)),
        );
      }),
      { numRuns: 1000 },
    );
    const deep = Array.from({ length: 3000 }).reduce<Buffer>(
      (inner) => Buffer.concat([Buffer.of(0x30, 0x82, inner.length >> 8, inner.length & 255), inner]),
      Buffer.of(0x30, 0),
    );
    expect(codeOf(() => parseCertificate(deep))).toBe("certificate-unreadable");
    expect(() => readPkcs7(deep)).toThrow();
  });
});
