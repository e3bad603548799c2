import { createPrivateKey, createPublicKey } from "node:crypto";
import forge from "node-forge";
import { afterEach, describe, expect, it } from "vitest";
import { certificateWarnings } from "../../src/admin/certificates/certificate-warnings.ts";
import { LOCAL_ADMINISTRATOR } from "../../src/admin/command.ts";
import { hours } from "../../src/lib/time.ts";
import { makeCertificate, makeKey, makePkcs7, makeRoot } from "../doubles/certificate-maker.ts";
import { startConnectProxy } from "../doubles/connect-proxy.ts";
import { startTlsServer } from "../doubles/tls-server.ts";
import { createCertificateServices, createTestTrust, installedOf, MemoryTrustStore } from "../doubles/trust.ts";
import { createCommandStage } from "./command-stage.ts";

const root = makeRoot();
const middle = makeRoot("Example Issuing", { issuer: root });
const leaf = makeCertificate({ commonName: "localhost", names: ["localhost"], issuer: middle });

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Commands over a trust store that really looks at servers. */
async function createStage() {
  const store = new MemoryTrustStore();
  const trust = createTestTrust(store);
  const certificates = {
    store,
    examine: async (...[server, terms, signal]: Parameters<typeof trust.examineWith>) => {
      await trust.load();
      return trust.examineWith(server, terms, signal);
    },
  };
  return { store, ...createCommandStage({ certificates }) };
}

async function serve(...chain: readonly (typeof root)[]): Promise<number> {
  const server = await startTlsServer(chain);
  ends.push(server.close);
  return server.port;
}

describe("certificate import and accept", () => {
  it("[C6b] [C7] [C8] [C10] [W6] shows each entry, offers what is missing, installs it, and then finds all verified", async () => {
    const { say, store, registry } = await createStage();
    const server = `localhost:${await serve(leaf, middle, root)}`;
    const found = await say(`certificate import ${server}`);
    expect(found).toContain(`Certificates of ${server}\nPeer Server Reachability Status: reachable\n`);
    expect(found).toContain("Verification Status: Failed - Certificate Missing From Chain (TLSv1.3)");
    expect(found).toMatch(
      new RegExp(`^Missing: CN=Example Root, until \\d{4}-\\d\\d-\\d\\d, SHA-256 ${root.sha256}`, "m"),
    );
    const id = /certificate accept ([0-9a-f]{8})/.exec(found)?.[1];
    expect(await say(`certificate accept ${id}`)).toMatch(/^2 certificates are installed\./);
    expect([...store.installed.keys()].sort()).toEqual([root.sha256, middle.sha256].sort());
    expect(registry.audit.map(({ action, actor }) => [action, actor])).toEqual([
      ["certificate.added", "local administrator"],
      ["certificate.added", "local administrator"],
    ]);
    const again = await say(`certificate import https://${server}/EWS/Exchange.asmx`);
    expect(again).toMatch(
      /Status: Verified[\s\S]*Verified: CN=localhost[\s\S]*Verified: CN=Example Root[\s\S]*Nothing has to be installed\.$/,
    );
    expect(await say(`certificate accept ${id}`)).toMatch(/There is no offer/);
  });

  it("[C9] [B4] says which certificate the server does not send, and where to get it", async () => {
    const { say, store } = await createStage();
    const own = makeCertificate({ names: ["localhost"], issuer: middle, issuerUrl: "http://pki.example.com/i.cer" });
    const found = await say(`certificate import localhost:${await serve(own)}`);
    expect(found).toMatch(/Missing: CN=Example Issuing: offered at http:\/\/pki\.example\.com\/i\.cer/);
    expect(found).toMatch(/does not send the certificate CN=Example Issuing: add fetch-issuers=yes.*certificate add$/);
    expect(store.offers.size).toBe(0);
  });

  it("[T7] offers nothing for a chain whose signature is bad", async () => {
    const { say, store } = await createStage();
    const forged = makeCertificate({ names: ["localhost"], issuer: root, isForged: true });
    expect(await say(`certificate import localhost:${await serve(forged, root)}`)).toMatch(
      /Bad Certificates[\s\S]*Nothing is offered/,
    );
    expect(store.offers.size).toBe(0);
  });

  it("draws what a hostile certificate says on one line of bounded length, and never as a verdict of its own", async () => {
    const { say } = await createStage();
    const commonName = `x\nVerified: CN=fake\u202E${"y".repeat(2000)}`;
    const hostile = makeCertificate({ commonName, names: ["localhost"] });
    const lines = (await say(`certificate import localhost:${await serve(hostile)}`)).split("\n");
    expect(lines).toHaveLength(5);
    expect(lines.filter((line) => line.startsWith("Verified"))).toEqual([]);
    expect(lines.every((line) => line.length <= 401 && !line.includes("\u202E"))).toBe(true);
  });

  it("forgets an offer after a day", async () => {
    const { say, runtime } = await createStage();
    const found = await say(`certificate import localhost:${await serve(leaf, middle, root)}`);
    await runtime.clock.advance(hours(25));
    expect(await say(`certificate accept ${/accept (\w+)/.exec(found)?.[1]}`)).toMatch(/no offer.*command-not-found/);
  });

  it("[G6] sees a server by the proxy of the gateway that is for it, and says when that is in the way", async () => {
    const { say, registry, store } = await createStage();
    const behind = makeCertificate({ names: ["mail.example.com"], issuer: root });
    const server = `mail.example.com:${await serve(behind, root)}`;
    const proxy = await startConnectProxy({ login: "alice:secret" });
    ends.push(() => void proxy.stop());
    await store.recordInstalled(installedOf(root.pem));
    const options = { url: `https://${server}/EWS/Exchange.asmx`, proxy: proxy.url, "proxy-user": "alice" };
    const gateway = { name: "main", type: "ews", options, isEnabled: true };
    await registry.replaceCalendarServer(gateway, { "proxy-password": "secret" });
    expect(await say(`certificate import ${server}`)).toMatch(/Verification Status: Verified \(TLS/);
    expect(proxy.asked).toEqual([server]);
    await registry.replaceCalendarServer(gateway, { "proxy-password": "wrong" });
    expect(await say(`certificate import ${server}`)).toMatch(
      /Peer Server Reachability Status: unreachable: the proxy cannot be used: it refused user or password/,
    );
  });

  it("[T8] [T10] says that a server cannot be reached", async () => {
    const { say } = await createStage();
    expect(await say("certificate import localhost:1")).toMatch(
      /^localhost:1: Peer Server Reachability Status: unreachable \(ECONNREFUSED\).*\[certificate-unreachable\]$/,
    );
  });

  it.each(["", "no such host!", "a:0", "a:99999", "a b", "-a.example.com"])("refuses the server %j", async (server) => {
    const { say } = await createStage();
    expect(await say(`certificate import ${server}`)).toMatch(/command-arguments\]$/);
  });
});

describe("certificate add, list, show and remove", () => {
  it("[C13] takes pasted PEM over many lines, base64 of DER and PKCS#7, and says what counts as what", async () => {
    for (const text of [
      root.pem + middle.pem,
      `"${root.pem}${middle.pem}"`,
      makePkcs7([root, middle]).toString("base64"),
    ]) {
      const { say, store } = await createStage();
      const answer = await say(`certificate add ${text}`);
      expect(answer).toMatch(/^2 certificates are installed\.\n[0-9a-f]{8}: CN=Example Root, SHA-256/);
      expect(answer).toContain("Warning: CN=Example Issuing is no root: it completes chains");
      expect([...store.installed.keys()]).toEqual([root.sha256, middle.sha256]);
    }
    const { say } = await createStage();
    // Of these one ends with one, one with two signs of padding, which look like an option.
    for (let index = 0; index < 3; index++) {
      const each = makeRoot(`Root ${"x".repeat(index)}`);
      expect(await say(`certificate add ${each.pem}`)).toMatch(/^1 certificate is installed/);
      expect(await say(`certificate add ${each.der.toString("base64")}`)).toMatch(/^1 certificate is installed/);
    }
  });

  it("refuses what is no certificate, and a private key without repeating it", async () => {
    const { say, store } = await createStage();
    expect(await say("certificate add")).toMatch(/text is missing/);
    expect(await say("certificate add nonsense")).toMatch(/certificate-unreadable/);
    const answer = await say(`certificate add ${root.pem}${root.keyPem}`);
    expect(answer).toMatch(/consider it known/);
    expect(answer).not.toContain(root.keyPem.slice(40, 60));
    expect(store.installed.size).toBe(0);
  });

  it("shows who added what, and removes it by the first digits of its SHA-256", async () => {
    const { say, registry } = await createStage();
    const id = root.sha256.slice(0, 8);
    expect(await say("certificate list")).toMatch(/^Only the system's certificate authorities are trusted/);
    await say(`certificate add ${root.pem}`);
    expect(await say("certificate list")).toMatch(
      new RegExp(`${id} \\| CN=Example Root .*installed by local administrator on 2026-11-23`),
    );
    const shown = await say(`certificate show ${root.sha256.replace(/../g, "$&:").slice(0, 11)}`);
    expect(shown).toContain(`SHA-256: ${root.sha256}`);
    expect(shown).toContain("key: ec prime256v1\nmay issue certificates: yes");
    expect(await say(`certificate remove ${id.toUpperCase()}`)).toBe(`Certificate ${id} (CN=Example Root) is removed.`);
    expect(await say(`certificate remove ${id}`)).toMatch(/No certificate .* is installed.*command-not-found/);
    expect(registry.audit.map(({ action, subject }) => [action, subject])).toEqual([
      ["certificate.added", id],
      ["certificate.removed", id],
    ]);
  });

  it("lists what servers showed lately", async () => {
    const { say, store } = await createStage();
    const [facts] = installedOf(leaf.pem);
    if (!facts) throw new Error("one was made");
    const { sha256, subject, notAfter } = facts;
    await store.replaceSeen("localhost", [{ host: "localhost", sha256, subject, notAfter, seenAt: notAfter }]);
    expect(await say("certificate list")).toMatch(/CN=localhost.*shown by localhost on/);
  });
});

describe("certificate request", () => {
  it("[C11] makes a request whose name is the host, and never shows the key", async () => {
    const { say, store, registry } = await createStage();
    const answer = await say("certificate request Mail.Example.com");
    const pem = /-----BEGIN[\s\S]*REQUEST-----/.exec(answer)?.[0] ?? "";
    const request = forge.pki.certificationRequestFromPem(pem);
    expect(request.verify()).toBe(true);
    expect(request.subject.getField("CN").value).toBe("mail.example.com");
    const [[name, key] = ["", ""]] = store.keys;
    expect(name).toMatch(/^mail\.example\.com-20261123T090000Z$/);
    expect(forge.pki.publicKeyToPem(request.publicKey ?? forge.pki.publicKeyFromPem("")).replaceAll("\r", "")).toBe(
      createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "pem" }),
    );
    expect(answer).not.toContain("PRIVATE");
    expect(answer).toContain(`/keys/${name}.key`);
    expect(registry.audit).toMatchObject([{ action: "certificate.requested", subject: "mail.example.com" }]);
  });

  it("takes an address, and refuses what could leave the folder of keys", async () => {
    const { say, store } = await createStage();
    expect(await say("certificate request 2001:db8::1")).toContain("BEGIN CERTIFICATE REQUEST");
    expect([...store.keys.keys()]).toEqual(["2001-db8--1-20261123T090000Z"]);
    for (const host of ["../../etc/x", "a/b", "..", ".hidden"]) {
      expect(await say(`certificate request ${host}`)).toMatch(/command-arguments/);
    }
  });
});

describe("saving a calendar server", () => {
  it("[G3] compares the URL's host with the certificate and shows both values, and saves all the same", async () => {
    const { say, registry } = await createStage();
    const own = makeCertificate({ names: ["mail.example.com"], issuer: root });
    const port = await serve(own);
    const add = `gateway add main type=ews account=svc password=$PW url=https://localhost:${port}/EWS`;
    const stage = await createStage();
    stage.environment["PW"] = "for the test";
    const answer = await stage.say(add);
    expect(answer).toMatch(/^Gateway main is added\./);
    expect(answer).toMatch(
      /Warning: The certificate does not fit: the server is named localhost here, its certificate is for mail\.example\.com/,
    );
    expect(stage.registry.servers.has("main")).toBe(true);
    expect(await stage.say(`gateway set main url=https://localhost:1/EWS`)).toMatch(
      /could not be compared.*unreachable/,
    );
    expect(await stage.say(`gateway set main enabled=no`)).not.toContain("Warning");
    expect([registry.servers.size, await say("gateway list")]).toMatchObject([0, expect.anything()]);
  });

  it("is silent where the names fit, whatever else is wrong with the chain", async () => {
    const { say, environment } = await createStage();
    environment["PW"] = "for the test";
    const port = await serve(leaf);
    expect(
      await say(`gateway add main type=ews account=svc password=$PW url=https://localhost:${port}/EWS`),
    ).not.toContain("Warning");
  });
});

describe("an exception for a calendar server", () => {
  it("[C11b] is warned of whenever the server is saved", async () => {
    const { services } = createCommandStage();
    const context = { ...services, actor: LOCAL_ADMINISTRATOR };
    const options = { url: "https://mail.example.com/EWS", "tls-exceptions": "sha-1" };
    expect(await certificateWarnings(context, options, new AbortController().signal)).toEqual([
      "Of this server's certificates something weak is let pass (sha-1). Better have them renewed.",
    ]);
  });
});

describe("keys of other kinds", () => {
  it("[W5] are shown as what they are", async () => {
    const certificates = createCertificateServices();
    await certificates.store.recordInstalled(installedOf(makeRoot("RSA", { key: makeKey(1024) }).pem));
    const { say } = createCommandStage({ certificates });
    const [sha256 = ""] = certificates.store.installed.keys();
    expect(await say(`certificate show ${sha256}`)).toContain("key: rsa 1024");
  });
});
