import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { CertificatePool } from "../../../src/admin/certificates/build-path.ts";
import { type ChainTerms, strictFindings, verifyChain } from "../../../src/admin/certificates/verify-chain.ts";
import { instant } from "../../../src/lib/time.ts";
import type { TlsException } from "../../../src/ports/trust.ts";
import {
  type CertificateSpec,
  type MadeCertificate,
  makeCertificate,
  makeKey,
  makeRoot,
} from "../../doubles/certificate-maker.ts";

const HOST = "mail.example.com";
const rsaKey = makeKey(2048);
const root = makeRoot();
const middle = makeRoot("Example Issuing", { issuer: root });
const server = (spec: CertificateSpec = {}): MadeCertificate =>
  makeCertificate({ commonName: HOST, names: [HOST], issuer: middle, ...spec });

const x509 = (certificates: readonly MadeCertificate[]): readonly X509Certificate[] =>
  certificates.map(({ der }) => new X509Certificate(der));

interface Case {
  readonly known?: readonly MadeCertificate[];
  readonly host?: string;
  readonly exceptions?: readonly TlsException[];
  readonly fetched?: readonly MadeCertificate[];
}

const termsOf = ({ known = [root], host = HOST, exceptions = [], fetched = [] }: Case): ChainTerms => ({
  host,
  known: new CertificatePool(x509(known)),
  now: instant(Date.now()),
  exceptions: new Set(exceptions),
  fetched: x509(fetched),
});

const verify = (sent: readonly MadeCertificate[], options: Case = {}) => {
  const report = verifyChain(x509(sent), termsOf(options));
  return {
    ...report,
    verdicts: report.entries.map(({ verdict }) => verdict),
    codes: report.entries.flatMap(({ findings }) => findings.map(({ kind }) => kind)),
    texts: report.entries.flatMap(({ findings }) => findings.map(({ text }) => text)).join("\n"),
  };
};

describe("a chain", () => {
  it("[C1] [C6] is verified from the server's certificate over the intermediate to a trusted root", () => {
    expect(verify([server(), middle])).toMatchObject({
      isAcceptable: true,
      status: "Verified",
      names: [HOST],
      matchedName: HOST,
      verdicts: ["verified", "verified", "verified"],
    });
  });

  it("[C6] is verified with an intermediate that is installed and not sent, in any order, with strangers among them", () => {
    expect(verify([server()], { known: [root, middle] }).isAcceptable).toBe(true);
    expect(verify([server(), makeRoot("A stranger"), root, middle]).isAcceptable).toBe(true);
  });

  it("[C5] takes an authority without a common name", () => {
    const nameless = makeCertificate({ isAuthority: true });
    const report = verify([server({ issuer: nameless })], { known: [nameless] });
    expect(report).toMatchObject({ isAcceptable: true, entries: [{}, { subject: "(no name)" }] });
  });

  it("[W5] takes RSA of 2048 bits and ECDSA, signed with SHA-256", () => {
    const rsaRoot = makeRoot("RSA Root", { key: rsaKey });
    expect(verify([server({ issuer: rsaRoot, key: rsaKey })], { known: [rsaRoot] }).isAcceptable).toBe(true);
  });

  it("prefers of two issuers of one name and key the one that leads to trust", () => {
    const cross = makeRoot("Example Issuing", { issuer: makeRoot("Unknown"), key: middle.key });
    expect(verify([server(), cross, middle]).isAcceptable).toBe(true);
    const expired = makeRoot("Example Root", { key: root.key, notAfter: new Date(Date.now() - 1000) });
    expect(verify([server(), middle], { known: [expired, root] }).isAcceptable).toBe(true);
  });

  it("ends where cross-signed authorities turn in a circle, and after ten certificates", () => {
    const [a, b] = [makeKey(), makeKey()];
    const first = makeRoot("A", { key: a });
    const second = makeRoot("B", { key: b });
    const circle = [makeRoot("A", { key: a, issuer: second }), makeRoot("B", { key: b, issuer: first })];
    expect(verify([server({ issuer: first }), ...circle]).verdicts.at(-1)).toBe("missing");
    const long = [root];
    for (let index = 0; index < 12; index++) long.unshift(makeRoot(`Level ${index}`, { issuer: long[0] ?? root }));
    const report = verify([server({ issuer: long[0] ?? root }), ...long]);
    expect(report.codes).toContain("chain-too-long");
    expect(report.entries).toHaveLength(10);
  });
});

describe("what is wrong with a chain", () => {
  const yesterday = new Date(Date.now() - 86_400_000);
  const tomorrow = new Date(Date.now() + 86_400_000);

  it.each<readonly [string, CertificateSpec, string, string, RegExp]>([
    [
      "expired",
      { notBefore: new Date(0), notAfter: yesterday },
      "expired",
      "Bad Certificates",
      /has expired on \d{4}-/,
    ],
    ["not yet valid", { notBefore: tomorrow }, "not-yet-valid", "Bad Certificates", /not valid yet: only from/],
    [
      "[T6] wrong name",
      { names: ["other.example.com"] },
      "wrong-name",
      "SAN Mismatch",
      /named mail\.example\.com here.*for other\.example\.com/,
    ],
    [
      "[C3] wildcard too deep",
      { names: ["*.com", "*.example.net"] },
      "wildcard-too-deep",
      "SAN Mismatch",
      /stands for one label only/,
    ],
    ["[C11c] wrong key usage", { usage: "clientAuth" }, "wrong-usage", "Bad Certificates", /lacks serverAuth/],
    [
      "[T7] bad signature",
      { isForged: true },
      "bad-signature",
      "Bad Certificates",
      /does not fit the key of its issuer/,
    ],
    ["[W5] weak key", { key: makeKey(1024) }, "weak-key", "Bad Certificates", /rsa key has 1024 bits/],
    ["[W5] SHA-1", { hash: "sha1" }, "weak-signature", "Bad Certificates", /signed with SHA-1/],
  ])("is named: %s", (_what, spec, code, status, text) => {
    const report = verify([server(spec), middle]);
    expect(report).toMatchObject({ isAcceptable: false, status: `Failed - ${status}`, codes: [code] });
    expect(report.texts).toMatch(text);
    expect(report.verdicts[0]).toBe("failed");
  });

  it("[C2] is named: wrong address, with both values", () => {
    const report = verify([server({ names: [HOST, "192.0.2.1"] }), middle], { host: "192.0.2.2" });
    expect(report).toMatchObject({ codes: ["wrong-address"], status: "Failed - SAN Mismatch" });
    expect(report.texts).toContain("192.0.2.2 here, its certificate is for mail.example.com, 192.0.2.1");
  });

  it("[T4] [C9] is named: an intermediate that is neither sent nor known, and where to get it", () => {
    const report = verify([server({ issuerUrl: "http://pki.example.com/issuing.cer" })]);
    expect(report).toMatchObject({
      status: "Failed - Certificate Missing From Chain",
      codes: ["missing-issuer"],
      entries: [
        { verdict: "failed" },
        { verdict: "missing", subject: "CN=Example Issuing", issuerUrls: ["http://pki.example.com/issuing.cer"] },
      ],
    });
    expect(report.entries[1]).not.toHaveProperty("der");
  });

  it("[C6] counts an intermediate that could be fetched as missing: the next connection would not have it", () => {
    const report = verify([server()], { fetched: [middle] });
    expect(report.status).toBe("Failed - Certificate Missing From Chain");
    expect(report.verdicts).toEqual(["failed", "missing", "verified"]);
    expect(report.entries[1]).toHaveProperty("der");
  });

  it("[T4] is named: a root that is not trusted; everything below can be installed", () => {
    const report = verify([server(), middle, root], { known: [] });
    expect(report).toMatchObject({ codes: ["untrusted-root"], status: "Failed - Certificate Missing From Chain" });
    expect(report.verdicts).toEqual(["failed", "missing", "missing"]);
  });

  it("is named: self-signed, unless it is installed", () => {
    const own = makeCertificate({ commonName: HOST, names: [HOST] });
    expect(verify([own])).toMatchObject({ codes: ["self-signed"], verdicts: ["missing"] });
    expect(verify([own], { known: [own] })).toMatchObject({ isAcceptable: true });
  });

  it("is named: an issuer that is no authority", () => {
    const simple = makeCertificate({ commonName: "Just a server", issuer: root });
    expect(verify([server({ issuer: simple }), simple]).codes).toEqual(["not-an-authority"]);
  });

  it("[T7] tells a regenerated key, with both fingerprints: of a self-signed server, of an authority, of an unsent one", () => {
    const own = { commonName: HOST, names: [HOST] };
    const [before, after] = [makeCertificate(own), makeCertificate(own)];
    const self = verify([after], { known: [before] });
    expect(self).toMatchObject({
      codes: ["regenerated-key"],
      verdicts: ["missing"],
      status: "Failed - Bad Certificates",
    });
    expect(self.texts).toContain(before.sha256);
    expect(self.entries[0]?.sha256).toBe(after.sha256);
    const newRoot = makeRoot();
    expect(verify([server({ issuer: newRoot }), newRoot]).codes).toEqual(["regenerated-key"]);
    const unsent = verify([server({ issuer: newRoot })]);
    expect(unsent.codes).toEqual(["regenerated-key"]);
    expect(unsent.texts).toContain(root.sha256);
  });

  it("is named: nothing was shown", () => {
    expect(verify([])).toMatchObject({ isAcceptable: false, status: "Failed - Bad Certificates" });
  });
});

describe("an exception", () => {
  const cases: readonly (readonly [TlsException, CertificateSpec])[] = [
    ["weak-key", { key: makeKey(1024) }],
    ["sha-1", { hash: "sha1" }],
    ["common-name", { names: undefined }],
  ].map(([name, spec]) => [name, spec] as readonly [TlsException, CertificateSpec]);

  it.each(cases)("[C11b] lets pass what it names (%s), warned, and nothing else", (exception, spec) => {
    const chain = [server(spec), middle];
    expect(verify(chain).isAcceptable).toBe(false);
    const report = verify(chain, { exceptions: [exception] });
    expect(report).toMatchObject({ isAcceptable: true, status: "Verified" });
    expect(report.entries[0]?.warnings).toHaveLength(1);
    const others = cases.map(([name]) => name).filter((name) => name !== exception);
    expect(verify(chain, { exceptions: others }).isAcceptable).toBe(false);
  });

  it("never lets pass keys under 1024 bits, nor MD5", () => {
    const exceptions: readonly TlsException[] = ["weak-key", "sha-1"];
    expect(verify([server({ key: makeKey(512) }), middle], { exceptions }).codes).toEqual(["weak-key"]);
    const rsaRoot = makeRoot("RSA Root", { key: rsaKey });
    const md5 = server({ issuer: rsaRoot, hash: "md5" });
    expect(verify([md5], { known: [rsaRoot], exceptions }).codes).toEqual(["weak-signature"]);
  });

  it("is not needed for the SHA-1 signature of a root on itself", () => {
    const old = makeRoot("Old Root", { hash: "sha1" });
    expect(verify([server({ issuer: old })], { known: [old] }).isAcceptable).toBe(true);
  });
});

describe("the rules for connections", () => {
  const strict = (sent: readonly MadeCertificate[], options: Case = {}) =>
    strictFindings(x509(sent), termsOf(options)).map(({ kind }) => kind);

  it("are those that OpenSSL's verification does not have", () => {
    expect(strict([server(), middle, root])).toEqual([]);
    expect(strict([server({ names: ["x.example.com"], usage: "clientAuth", hash: "sha1" }), middle])).toEqual([
      "weak-signature",
      "wrong-name",
      "wrong-usage",
    ]);
    expect(strict([server({ names: undefined })])).toEqual(["common-name-only"]);
    expect(strict([])).toEqual(["refused"]);
  });
});
