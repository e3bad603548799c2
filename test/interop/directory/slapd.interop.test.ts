import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Attribute, Change } from "ldapts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DirectoryListing, DirectorySource } from "../../../src/ports/directory-source.ts";
import { toGatewayError } from "../../../src/ports/errors.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { administer, createLdapSource, type LdapOptions } from "../../lab/ldap-scene.ts";
import { BASE, composeLdif, hasSlapd, personDn, type Slapd, startSlapd } from "../../lab/slapd.ts";

if (!hasSlapd()) console.log("skipped: the Debian package slapd is not installed");

const { signal } = new AbortController();
const STAFF = `cn=staff,ou=groups,${BASE}`;
const people = (count: number) => Array.from({ length: count }, (_, index) => ({ uid: `user${1000 + index}` }));
const uidsOf = ({ entries }: DirectoryListing): readonly string[] =>
  [...entries.values()].map(({ name }) => /^uid=([^,]+)/.exec(name)?.[1] ?? name).toSorted();
const refusalOf = async (source: DirectorySource): Promise<string> =>
  source.read(undefined, signal).then(
    () => "none",
    (error: unknown) => toGatewayError(error).code,
  );

describe.runIf(hasSlapd())("a real OpenLDAP server", () => {
  const authority = createTlsAuthority();
  const folder = mkdtempSync(join(tmpdir(), "ldap-interop-"));
  const ca = join(folder, "ca.pem");
  let slapd: Slapd;
  const source = (given: LdapOptions = {}): DirectorySource => createLdapSource(slapd, given);

  beforeAll(async () => {
    writeFileSync(ca, authority.caPem);
    slapd = await startSlapd({
      ldif: composeLdif([...people(60), { uid: "alice", language: "de-AT, en;q=0.5" }, { uid: "bob", mail: "" }], {
        staff: ["alice", "user1000"],
      }),
      tls: authority.issue({ names: ["localhost"] }),
      // Who is nobody may read nothing; who is alice gets 20 entries and no more.
      lines: [
        'limits dn.exact="uid=alice,ou=people,dc=example,dc=com" size=20 size.prtotal=20',
        "access to attrs=userPassword by anonymous auth",
        "access to * by users read by * none",
      ],
    });
  });
  afterAll(async () => {
    await slapd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is read page by page to the end, with mailboxes, languages and templates", async () => {
    const listing = await source({ "page-size": 10, groups: [STAFF, ""] }).read(undefined, signal);
    expect(listing.entries.size).toBe(62);
    const byName = new Map([...listing.entries.values()].map((each) => [each.name, each]));
    expect(byName.get(personDn("alice"))).toMatchObject({
      presentity: "alice@example.com",
      language: "de-AT",
      template: 0,
    });
    expect(byName.get(personDn("user1001"))).toMatchObject({ template: 1 });
    expect(byName.get(personDn("bob"))).toMatchObject({ problem: "has no JID: an attribute is missing" });
  });

  it.each(["start-tls", "ldaps"])("is read by %s with a certificate that is trusted, and else refused", async (way) => {
    const given = way === "ldaps" ? { url: `ldaps://localhost:${slapd.tlsPort}` } : { "start-tls": true };
    expect((await source({ ...given, ca }).read(undefined, signal)).entries.size).toBe(62);
    expect(await refusalOf(source(given))).toBe("ldap-tls");
    const address = way === "ldaps" ? `ldaps://127.0.0.1:${slapd.tlsPort}` : `ldap://127.0.0.1:${slapd.port}`;
    expect(await refusalOf(source({ ...given, ca, url: address }))).toBe("ldap-tls");
  });

  it("is read for what has changed only, and nobody is missing then", async () => {
    const directory = source({ groups: [STAFF] });
    const before = await directory.read(undefined, signal);
    await administer(slapd, async (client) => {
      await client.del(personDn("user1059"));
      await client.modify(personDn("user1001"), replacing("mail", "changed@example.com"));
      await client.modify(
        STAFF,
        new Change({ operation: "add", modification: attribute("member", personDn("user1002")) }),
      );
      await client.modifyDN(personDn("user1003"), "uid=renamed");
    });
    const after = await directory.read(before, signal);
    expect(after.isFull).toBe(false);
    const full = await directory.read(undefined, signal);
    expect(new Map(after.entries)).toEqual(new Map(full.entries));
    expect(uidsOf(after)).not.toContain("user1059");
    expect(uidsOf(after)).toContain("renamed");
    const members = [...after.entries.values()].filter(({ template }) => template === 0).map(({ name }) => name);
    expect(members.toSorted()).toEqual(["alice", "user1000", "user1002"].map(personDn));
  });

  it.each<[string, LdapOptions, string]>([
    ["a filter that cannot be read", { filter: "(&(uid=a)(x))" }, "ldap-refused"],
    ["a login that is no name", { "bind-dn": "presence@example.com", password: "x" }, "ldap-login"],
    ["a wrong password", { password: "wrong" }, "ldap-login"],
    ["nobody who logs in", { "bind-dn": undefined, password: undefined }, "ldap-no-base"],
    ["a base that is not there", { base: `ou=nowhere,${BASE}` }, "ldap-no-base"],
    ["a group that is not there", { groups: [`cn=nobody,ou=groups,${BASE}`] }, "ldap-no-base"],
    ["a group that is a person", { groups: [personDn("alice")] }, "ldap-no-base"],
    ["a base that is no name", { base: "no name" }, "ldap-no-base"],
    ["another naming context", { base: "dc=example,dc=org" }, "ldap-no-base"],
  ])("says what is wrong with %s", async (_, given, code) => {
    expect(await refusalOf(source(given))).toBe(code);
  });

  it("does not pass for whole when the server stops at its limit", async () => {
    await administer(slapd, (client) => client.modify(personDn("alice"), replacing("userPassword", "her own")));
    const login = { "bind-dn": personDn("alice"), password: "her own" };
    expect(await refusalOf(source({ ...login, "page-size": 10 }))).toBe("ldap-limit");
  });

  it("does not pass for whole when part of it is on another server", async () => {
    const dn = `ou=elsewhere,ou=people,${BASE}`;
    const referral = {
      objectClass: ["referral", "extensibleObject"],
      ou: "elsewhere",
      ref: `ldap://other.example.com/${dn}`,
    };
    await administer(slapd, (client) => client.add(dn, referral));
    const directory = source();
    await expect(directory.read(undefined, signal)).rejects.toMatchObject({
      code: "ldap-referral",
      message: "localhost: part of what is below the base is on other.example.com",
    });
    expect(directory.health()).toMatchObject({ state: "down", error: { code: "ldap-referral" } });
    await slapd.refill(composeLdif(people(3)));
    expect((await directory.read(undefined, signal)).entries.size).toBe(3);
    expect(directory.health()).toMatchObject({ state: "ok", detail: "3 people" });
  });

  it("[U5] knows the members of a group however their names are spelt", async () => {
    await slapd.refill(`${composeLdif(people(2))}
dn: cn=Müller\\, Hans,ou=people,${BASE}
objectClass: inetOrgPerson
cn: Müller, Hans
sn: Müller

dn: cn=odd,ou=groups,${BASE}
objectClass: groupOfNames
cn: odd
member: CN=M\\C3\\BCller\\2C Hans, OU=people,${BASE}

dn: cn=unique,ou=groups,${BASE}
objectClass: groupOfUniqueNames
cn: unique
uniqueMember: ${personDn("user1000")}#'0101'B
`);
    const groups = ["odd", "unique"].map((name) => `cn=${name},ou=groups,${BASE}`);
    const { entries } = await source({ groups }).read(undefined, signal);
    const templates = [...entries.values()].map(({ name, template }) => [name.slice(0, 6), template]);
    expect(new Set(templates.map(String))).toEqual(new Set(["cn=Mül,0", "uid=us,1", "uid=us,"]));
  });

  it("[K3] is read for changes that have an older time too, as from a backup or with a clock set back", async () => {
    const entry = (uid: string, mail: string, changed: string): string =>
      composeLdif([{ uid, mail }])
        .replace(/^.*ou: groups\n/s, "")
        .trimEnd() +
      `\nentryUUID: 00000000-0000-4000-8000-00000000000${uid === "alice" ? 1 : 2}\nmodifyTimestamp: ${changed}\n\n`;
    const units = composeLdif([]);
    const bob = entry("bob", "bob@example.com", "20261101000000Z");
    await slapd.refill(`${units}\n${entry("alice", "alice@example.com", "20261002000000Z")}${bob}`);
    const directory = source();
    const before = await directory.read(undefined, signal);
    await slapd.refill(`${units}\n${entry("alice", "alice.b@example.com", "20261001000000Z")}${bob}`);
    const after = await directory.read(before, signal);
    expect([...after.entries.values()].map(({ mailbox }) => mailbox)).toEqual([
      "alice.b@example.com",
      "bob@example.com",
    ]);
    expect((await directory.read(after, signal)).isFull).toBe(false);
  });

  it("says that it does not offer StartTLS, where it does not", async () => {
    const plain = await startSlapd();
    try {
      await expect(createLdapSource(plain, { "start-tls": true }).read(undefined, signal)).rejects.toMatchObject({
        code: "ldap-tls",
        message: expect.stringContaining("does not offer StartTLS"),
      });
    } finally {
      await plain.stop();
    }
  });

  it("matches nobody with some filters, which is a listing too", async () => {
    expect((await source({ filter: "(uid=nobody)" }).read(undefined, signal)).entries.size).toBe(0);
  });

  it("is unreachable while it is down, and is read again after", async () => {
    await slapd.down();
    expect(await refusalOf(source())).toBe("ldap-unreachable");
    await slapd.start();
    expect(await refusalOf(source())).toBe("none");
  });

  it("ends a reading when it is told to, and when it is stopped", async () => {
    const stop = new AbortController();
    const reading = source().read(undefined, stop.signal);
    stop.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    const directory = source();
    const other = directory.read(undefined, signal);
    await directory.stop();
    await directory.stop();
    await expect(other).rejects.toThrow("stopped");
  });
});

const attribute = (type: string, value: string): Attribute => new Attribute({ type, values: [value] });
const replacing = (type: string, value: string): Change =>
  new Change({ operation: "replace", modification: attribute(type, value) });
