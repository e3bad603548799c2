import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DirectoryListing } from "../../../src/ports/directory-source.ts";
import { ActiveDirectory, groupDn } from "../../lab/active-directory.ts";
import { createLdapSource, type LdapOptions } from "../../lab/ldap-scene.ts";
import { BASE, hasSlapd } from "../../lab/slapd.ts";

if (!hasSlapd()) console.log("skipped: the Debian package slapd is not installed");

const { signal } = new AbortController();
const namesOf = ({ entries }: DirectoryListing): readonly (string | undefined)[] =>
  [...entries.values()].map(({ presentity }) => presentity?.split("@")[0]).toSorted();

describe.runIf(hasSlapd())("a directory with the attributes of Active Directory", () => {
  let directory: ActiveDirectory;
  const source = (given: LdapOptions = {}) => createLdapSource(directory.slapd, { kind: "active-directory", ...given });

  beforeAll(async () => {
    directory = await ActiveDirectory.start();
  });
  afterAll(() => directory.slapd.stop());

  it("[K3] has people who are not disabled, by objectGUID, with their principal names; a disabled one is gone", async () => {
    await directory.fill([
      { name: "alice", usn: 10, principal: "Alice@corp.example.com" },
      { name: "bob", usn: 11 },
    ]);
    const reader = source({ jid: "{sAMAccountName}@example.com" });
    const before = await reader.read(undefined, signal);
    const alice = [...before.entries.values()].find(({ presentity }) => presentity === "alice@example.com");
    expect(alice?.key).toBe(Buffer.from("ff00c328616c69636520202020202020", "hex").toString("hex"));
    expect(alice?.principal).toBe("alice@corp.example.com");
    await directory.fill([
      { name: "alice", usn: 10 },
      { name: "bob", usn: 12, isDisabled: true },
    ]);
    const after = await reader.read(before, signal);
    expect([after.isFull, namesOf(after)]).toEqual([false, ["alice"]]);
  });

  it("[U5] knows the members of a group by memberOf, whether their own entry has changed or not", async () => {
    const groups = ["staff", "board"];
    await directory.fill(
      [
        { name: "alice", usn: 10, groups: ["staff"] },
        { name: "bob", usn: 11 },
      ],
      groups,
    );
    const reader = source({ groups: [groupDn("board"), groupDn("staff")] });
    const before = await reader.read(undefined, signal);
    expect([...before.entries.values()].map(({ template }) => template)).toEqual([1, undefined]);
    // memberOf is made of the group's members: the person's own number stays.
    await directory.fill(
      [
        { name: "alice", usn: 10 },
        { name: "bob", usn: 11, groups: ["board"] },
      ],
      groups,
    );
    const after = await reader.read(before, signal);
    expect(after.isFull).toBe(false);
    expect([...after.entries.values()].map(({ template }) => template)).toEqual([undefined, 0]);
  });

  it("is read for what has a higher number than last time, on the same domain controller only", async () => {
    await directory.fill([
      { name: "alice", usn: 10 },
      { name: "bob", usn: 20 },
    ]);
    const reader = source();
    const before = await reader.read(undefined, signal);
    // Alice's change has no number: had everything been read, it would be seen.
    await directory.fill([
      { name: "alice", usn: 10, mail: "old@example.com" },
      { name: "bob", usn: 21, mail: "new@example.com" },
    ]);
    const after = await reader.read(before, signal);
    expect([...after.entries.values()].map(({ mailbox }) => mailbox)).toEqual(["alice@example.com", "new@example.com"]);
    const accounts = [
      { name: "alice", usn: 9, mail: "old@example.com" },
      { name: "bob", usn: 30 },
    ];
    await directory.fill(accounts, [], "CN=NTDS Settings,CN=DC2,CN=Servers,DC=example,DC=com");
    const elsewhere = await reader.read(after, signal);
    expect([elsewhere.isFull, [...elsewhere.entries.values()].map(({ mailbox }) => mailbox)]).toEqual([
      true,
      ["old@example.com", "bob@example.com"],
    ]);
  });

  it("refuses what is no group, which would have nobody either", async () => {
    await directory.fill([{ name: "alice", usn: 10 }]);
    await expect(source({ groups: [`ou=people,${BASE}`] }).read(undefined, signal)).rejects.toMatchObject({
      code: "ldap-no-base",
      message: expect.stringContaining("is no group"),
    });
  });

  it("refuses a group that is not there, which would else have nobody", async () => {
    await directory.fill([{ name: "alice", usn: 10 }]);
    await expect(source({ groups: [groupDn("gone")] }).read(undefined, signal)).rejects.toMatchObject({
      code: "ldap-no-base",
    });
  });
});
