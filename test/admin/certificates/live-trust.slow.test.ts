import { connect } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import type { LiveTrust } from "../../../src/admin/certificates/live-trust.ts";
import type { TlsException, TlsTerms } from "../../../src/ports/trust.ts";
import {
  type CertificateSpec,
  type MadeCertificate,
  makeCertificate,
  makeKey,
  makeRoot,
} from "../../doubles/certificate-maker.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { type LoopbackServer, startPlainServer, startTlsServer } from "../../doubles/tls-server.ts";
import { createTestTrust, installedOf, issuersFrom, MemoryTrustStore } from "../../doubles/trust.ts";

const root = makeRoot();
const middle = makeRoot("Example Issuing", { issuer: root });
const leaf = (spec: CertificateSpec = {}): MadeCertificate =>
  makeCertificate({ commonName: "localhost", names: ["localhost", "127.0.0.1"], issuer: middle, ...spec });
const NO_EXCEPTIONS: TlsTerms = { exceptions: new Set() };
const { signal } = new AbortController();

const servers: LoopbackServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(...chain: readonly MadeCertificate[]): Promise<number> {
  const server = await startTlsServer(chain);
  servers.push(server);
  return server.port;
}

async function trusting(
  ...certificates: readonly MadeCertificate[]
): Promise<{ trust: LiveTrust; store: MemoryTrustStore }> {
  const store = new MemoryTrustStore();
  await store.recordInstalled(certificates.flatMap(({ pem }) => installedOf(pem)));
  const trust = createTestTrust(store);
  await trust.load();
  return { trust, store };
}

/** A connection as plugins make it: `connected`, or why not. */
function tryConnection(trust: LiveTrust, port: number, terms = NO_EXCEPTIONS, host = "localhost"): Promise<string> {
  return new Promise((resolve) => {
    const name = host === "localhost" ? { servername: host } : {};
    const socket = connect({ host: "127.0.0.1", port, ...name, ...trust.tlsOptions(terms) });
    const end = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("secureConnect", () => end("connected"));
    socket.once("error", (error) => end("code" in error ? `${String(error.code)} ${error.message}` : error.message));
  });
}

describe("connections of plugins", () => {
  it("[C1] [C2] are made by name and by address to a server whose chain ends at an installed root", async () => {
    const { trust } = await trusting(root);
    const port = await serve(leaf(), middle);
    expect(await tryConnection(trust, port)).toBe("connected");
    expect(await tryConnection(trust, port, NO_EXCEPTIONS, "127.0.0.1")).toBe("connected");
  });

  const yesterday = new Date(Date.now() - 86_400_000);
  it.each<readonly [string, CertificateSpec, RegExp]>([
    ["wrong name", { names: ["other.example.com"] }, /ERR_TLS_CERT_REFUSED .*named localhost here/],
    ["[C4] the common name only", { names: undefined }, /ERR_TLS_CERT_REFUSED .*no subjectAltName/],
    ["[C11c] wrong key usage", { usage: "clientAuth" }, /INVALID_PURPOSE|lacks serverAuth/],
    ["expired", { notBefore: new Date(0), notAfter: yesterday }, /CERT_HAS_EXPIRED/],
    ["not yet valid", { notBefore: new Date(Date.now() + 86_400_000) }, /CERT_NOT_YET_VALID/],
    ["bad signature", { isForged: true }, /CERT_SIGNATURE_FAILURE/],
    ["[W5] weak key", { key: makeKey(1024) }, /too small|too weak|1024 bits/],
    ["[W5] SHA-1", { hash: "sha1" }, /too weak|SHA-1/],
  ])("are refused: %s", async (_what, spec, reason) => {
    const { trust } = await trusting(root);
    expect(await tryConnection(trust, await serve(leaf(spec), middle))).toMatch(reason);
  });

  it("are refused: missing intermediate, untrusted root, self-signed, regenerated key", async () => {
    const { trust } = await trusting(root);
    expect(await tryConnection(trust, await serve(leaf()))).toMatch(/UNABLE_TO_/);
    const stranger = makeRoot("Stranger");
    expect(await tryConnection(trust, await serve(leaf({ issuer: stranger }), stranger))).toMatch(
      /SELF_SIGNED_CERT_IN_CHAIN/,
    );
    const own = makeCertificate({ commonName: "localhost", names: ["localhost"] });
    expect(await tryConnection(trust, await serve(own))).toMatch(/DEPTH_ZERO_SELF_SIGNED_CERT/);
    const renewed = makeRoot();
    expect(await tryConnection(trust, await serve(leaf({ issuer: renewed })))).not.toBe("connected");
  });

  it.each<readonly [TlsException, CertificateSpec]>([
    ["weak-key", { key: makeKey(1024) }],
    ["sha-1", { hash: "sha1" }],
    ["common-name", { names: undefined }],
  ])("[C11b] are made with the exception %s, and only to what it names", async (exception, spec) => {
    const { trust } = await trusting(root);
    const terms = { exceptions: new Set([exception]) };
    const port = await serve(leaf(spec), middle);
    expect(await tryConnection(trust, port, terms)).toBe("connected");
    const other = await serve(
      leaf({ ...spec, ...(exception === "sha-1" ? { key: makeKey(1024) } : { hash: "sha1" }) }),
      middle,
    );
    expect(await tryConnection(trust, other, terms)).not.toBe("connected");
  });

  it("trust a private authority that only one server names (option ca)", async () => {
    const { trust } = await trusting();
    const port = await serve(leaf(), middle);
    expect(await tryConnection(trust, port, { ...NO_EXCEPTIONS, ca: root.pem })).toBe("connected");
    expect(await tryConnection(trust, port)).not.toBe("connected");
  });

  it("trust a self-signed certificate that is installed", async () => {
    const own = makeCertificate({ commonName: "localhost", names: ["localhost"] });
    const { trust } = await trusting(own);
    expect(await tryConnection(trust, await serve(own))).toBe("connected");
  });

  it("do not count an installed intermediate, nor an installed certificate of a server, without its root", async () => {
    const own = leaf();
    const { trust } = await trusting(middle, own);
    expect(await tryConnection(trust, await serve(own, middle))).toMatch(/UNABLE_TO_/);
    const report = await trust.examine({ host: "localhost", port: await serve(own) }, NO_EXCEPTIONS, signal);
    expect(report.entries.map(({ verdict }) => verdict)).toEqual(["failed", "failed", "missing"]);
  });

  it("[R9] follow every change of the trust store at once", async () => {
    const { trust, store } = await trusting();
    const stop = new AbortController();
    const following = trust.follow(stop.signal);
    await settle();
    const port = await serve(leaf(), middle);
    expect(await tryConnection(trust, port)).not.toBe("connected");
    await store.recordInstalled(installedOf(root.pem));
    await settle();
    expect(await tryConnection(trust, port)).toBe("connected");
    await store.deleteInstalled(root.sha256);
    await settle();
    expect(await tryConnection(trust, port)).not.toBe("connected");
    stop.abort(new Error("over"));
    await following;
  });

  it("use one context until what is trusted changes", async () => {
    const { trust } = await trusting(root);
    const before = trust.tlsOptions(NO_EXCEPTIONS).secureContext;
    expect(trust.tlsOptions(NO_EXCEPTIONS).secureContext).toBe(before);
    await trust.load();
    expect(trust.tlsOptions(NO_EXCEPTIONS).secureContext).not.toBe(before);
  });

  it("note what the server showed, once, for the expiry warnings", async () => {
    const { trust, store } = await trusting(root);
    const own = leaf();
    const port = await serve(own, middle);
    for (let index = 0; index < 2; index++) await tryConnection(trust, port);
    expect(store.seen.map(({ host, sha256 }) => [host, sha256])).toEqual([
      ["localhost", own.sha256],
      ["localhost", middle.sha256],
    ]);
  });
});

describe("examining a server", () => {
  const examine = async (trust: LiveTrust, port: number, terms = {}) =>
    trust.examineWith({ host: "localhost", port }, { ...NO_EXCEPTIONS, ...terms }, signal);

  it("[C7] [C10] tells each entry, and agrees with what connections do", async () => {
    const { trust } = await trusting(root);
    const report = await examine(trust, await serve(leaf(), middle));
    expect(report).toMatchObject({
      isAcceptable: true,
      status: "Verified",
      protocol: "TLSv1.3",
      matchedName: "localhost",
    });
    const bare = await trusting();
    const missing = await examine(bare.trust, await serve(leaf(), middle, root));
    expect(missing.entries.map(({ verdict }) => verdict)).toEqual(["failed", "missing", "missing"]);
  });

  it.each<readonly [string, CertificateSpec, string]>([
    ["weak key", { key: makeKey(1024) }, "weak-key"],
    ["SHA-1", { hash: "sha1" }, "weak-signature"],
    ["bad signature", { isForged: true }, "bad-signature"],
    ["wrong key usage", { usage: "clientAuth" }, "wrong-usage"],
  ])("names what the handshake would only refuse: %s", async (_what, spec, kind) => {
    const { trust } = await trusting(root);
    const report = await examine(trust, await serve(leaf(spec), middle));
    expect(report.entries[0]?.findings).toMatchObject([{ kind }]);
  });

  it("[C6] fetches issuers where asked to, and names them as missing", async () => {
    const { trust } = await trusting();
    const url = "http://pki.example.com/issuing";
    const up = "http://pki.example.com/root";
    const issuing = makeRoot("Example Issuing", { issuer: root, key: middle.key, issuerUrl: up });
    const port = await serve(leaf({ issuer: issuing, issuerUrl: url }));
    const fetchIssuer = issuersFrom({ [url]: issuing.pem, [up]: root.pem });
    const report = await examine(trust, port, { fetchIssuer });
    expect(report.entries.map(({ verdict, sha256 }) => [verdict, sha256]).slice(1)).toEqual([
      ["missing", issuing.sha256],
      ["missing", root.sha256],
    ]);
    expect((await examine(trust, port)).entries.at(-1)?.issuerUrls).toEqual([url]);
  });

  it("looks at ten certificates of a chain at most", async () => {
    const { trust } = await trusting(root);
    const chain = [root];
    for (let index = 0; index < 12; index++) chain.unshift(makeRoot(`Level ${index}`, { issuer: chain[0] ?? root }));
    const report = await examine(trust, await serve(leaf({ issuer: chain[0] ?? root }), ...chain));
    expect(report.entries).toHaveLength(10);
    expect(report.isAcceptable).toBe(false);
  });

  it("[T8] rejects for a server that is not there, speaks no TLS, or never answers", async () => {
    const { trust } = await trusting();
    await expect(examine(trust, 1)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const plain = await startPlainServer("220 mail.example.com ESMTP\r\n");
    const mute = await startPlainServer();
    servers.push(plain, mute);
    await expect(examine(trust, plain.port)).rejects.toThrow();
    const stop = new AbortController();
    const hanging = trust.examine({ host: "127.0.0.1", port: mute.port }, NO_EXCEPTIONS, stop.signal);
    stop.abort(new Error("given up"));
    await expect(hanging).rejects.toThrow("given up");
  });
});
