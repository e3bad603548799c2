import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TIMESTAMP_MARKS, USN_MARKS } from "../../../plugins/directory-ldap/change-mark.ts";
import { checkMessage, LdapSyntaxError, messageLength } from "../../../plugins/directory-ldap/check-message.ts";
import { decodeEntry, firstValue } from "../../../plugins/directory-ldap/decode-entry.ts";
import { dnKey, escapeFilterValue, isFilter } from "../../../plugins/directory-ldap/distinguished-name.ts";
import directoryLdap from "../../../plugins/directory-ldap/index.ts";
import { parseServer } from "../../../plugins/directory-ldap/ldap-connection.ts";
import { parsePreferredLanguage } from "../../../plugins/directory-ldap/preferred-language.ts";
import { parseValuePattern } from "../../../plugins/directory-ldap/value-pattern.ts";
import { bound, doneWith, entryOf } from "../../doubles/scripted-ldap-server.ts";

const pattern = (text: string) => parseValuePattern(text) ?? { attributes: [], fill: () => undefined };
const MAPPING = {
  key: "entryUUID",
  jid: pattern("{uid}@example.com"),
  mailbox: pattern("{mail}"),
  principal: pattern("{userPrincipalName}"),
  language: pattern("{preferredLanguage}"),
};

describe("a value made of attributes", () => {
  it.each([
    ["{mail}", ["mail"], "alice@example.com"],
    ["{uid}@example.com", ["uid"], "alice@example.com"],
    ["{UID}.{sn;lang-de}", ["UID", "sn;lang-de"], undefined],
    ["plain", [], "plain"],
  ])("%s", (text, attributes, value) => {
    const values: Record<string, string> = { mail: "alice@example.com", uid: "alice" };
    expect(parseValuePattern(text)?.attributes).toEqual(attributes);
    expect(parseValuePattern(text)?.fill((name) => values[name])).toBe(value);
  });

  it.each(["{", "mail}", "{}", "{two words}", "{{mail}}", "{ma*il}"])(
    "is refused where a brace is none of an attribute's: %s",
    (text) => {
      expect(parseValuePattern(text)).toBeUndefined();
    },
  );

  it("is filled once: braces in a value are text", () => {
    expect(pattern("{uid}").fill(() => "{mail}")).toBe("{mail}");
  });
});

describe("the preferred language", () => {
  it.each([
    ["de", "de"],
    ["de-at", "de-AT"],
    ["fr, en-gb;q=0.8, en;q=0.7", "fr"],
    ["en;q=0.3, zh-hant ; q=0.9", "zh-Hant"],
    ["*, it;q=0.5", "it"],
    ["es;q=0", undefined],
    ["", undefined],
    ["<script>", undefined],
  ])("of %s is %s", (text, tag) => {
    expect(parsePreferredLanguage(text)).toBe(tag);
  });

  it("is a tag or nothing, whatever stands there", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        const tag = parsePreferredLanguage(text);
        if (tag !== undefined) expect(Intl.getCanonicalLocales(tag)).toEqual([tag]);
      }),
    );
  });
});

describe("an entry of the directory", () => {
  const entry = {
    dn: "uid=alice,dc=example,dc=com",
    entryuuid: "1234",
    uid: "Alice",
    mail: ["alice.b@example.com", "other@example.com"],
    userPrincipalName: "Alice@Example.com",
    preferredLanguage: "de, en;q=0.5",
  };

  it("is read whatever the case of the attributes' names, first values first", () => {
    expect(decodeEntry(entry, MAPPING)).toEqual({
      key: "1234",
      name: "uid=alice,dc=example,dc=com",
      presentity: "alice@example.com",
      mailbox: "alice.b@example.com",
      principal: "alice@example.com",
      language: "de",
    });
  });

  it("has a problem in words where an address is missing or is none", () => {
    expect(decodeEntry({ ...entry, uid: [] }, MAPPING)?.problem).toBe("has no JID: an attribute is missing");
    expect(decodeEntry({ ...entry, mail: "no address" }, MAPPING)?.problem).toContain("is not an SMTP address");
    // A space at the end of what somebody has typed.
    const byMail = { ...MAPPING, jid: pattern("{mail}") };
    expect(decodeEntry({ ...entry, mail: " Alice@example.com " }, byMail)?.presentity).toBe("alice@example.com");
  });

  it("is nobody without its key", () => {
    expect(decodeEntry({ ...entry, entryuuid: [] }, MAPPING)).toBeUndefined();
  });

  it("has bytes as hexadecimal digits", () => {
    expect(firstValue({ dn: "", objectGUID: Buffer.from([0, 255, 16]) }, "objectGUID")).toBe("00ff10");
  });

  it("never makes the reader throw", () => {
    const value = fc.oneof(
      fc.string(),
      fc.array(fc.string()),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    const names = fc.constantFrom("entryUUID", "uid", "mail", "userPrincipalName", "preferredLanguage", "other");
    fc.assert(
      fc.property(fc.string(), fc.dictionary(names, value), (dn, attributes) => {
        decodeEntry({ ...attributes, dn }, MAPPING);
      }),
    );
  });
});

describe("names and filters", () => {
  it("are the same name without case and spaces around separators", () => {
    expect(dnKey("UID=Alice , OU=People,dc = Example,DC=com ")).toBe(dnKey("uid=alice,ou=people,dc=example,dc=com"));
    expect(dnKey("cn=a\\, b,dc=x")).not.toBe(dnKey("cn=a,cn=b,dc=x"));
  });

  it.each([
    ["CN=M\\C3\\BCller\\2C Hans,DC=x", "cn=Müller\\, Hans,dc=x"],
    ["cn=M\\c3\\bcller,dc=x", "cn=Müller,dc=x"],
    ["sn=y + CN=x,dc=x", "cn=X+sn=Y,dc=x"],
    ["cn=a\\\\b,dc=x", "cn=a\\5cb,dc=x"],
    ["cn=hans  müller,dc=x", "cn=Hans Müller,dc=x"],
  ])("are the same however they are escaped and ordered: %s", (a, b) => {
    expect(dnKey(a)).toBe(dnKey(b));
  });

  it.each([
    ["cn=a\\+sn=b,dc=x", "cn=a+sn=b,dc=x"],
    ["cn=a\\2cdc=x", "cn=a,dc=x"],
    ["cn=a\\\\,dc=x", "cn=a\\,dc=x"],
  ])("are others where a separator is part of a value: %s", (a, b) => {
    expect(dnKey(a)).not.toBe(dnKey(b));
  });

  it.each([
    ["(uid=*)", true],
    ["(&(a=b)(!(c=d)))", true],
    ["(&(uid=a)", false],
    ["(a=b)(c=d)", false],
    ["uid=*", false],
    ["()", false],
    ["", false],
    ["(a=b))", false],
  ])("are one filter or none: %s", (text, is) => {
    expect(isFilter(text)).toBe(is);
  });

  it("escape what a filter would take for its own", () => {
    expect(escapeFilterValue("cn=a*(b)\\,dc=x\0")).toBe("cn=a\\2a\\28b\\29\\5c,dc=x\\00");
  });
});

describe("a message of a directory", () => {
  const answers = [
    bound(1),
    entryOf(2, "uid=alice", { mail: "alice@example.com", uid: "alice" }),
    doneWith(3, ""),
    doneWith(4, "next"),
  ];

  it("is whole, and says whether there is another page", () => {
    expect(answers.map((each) => checkMessage(each).hasNextPage)).toEqual([false, false, false, true]);
    for (const each of answers) expect(messageLength(each)).toBe(each.length);
  });

  it("is refused without its end, with more behind it, and where a length in it is wrong", () => {
    for (const each of answers) {
      for (let end = 0; end < each.length; end++)
        expect(() => checkMessage(each.subarray(0, end))).toThrow(LdapSyntaxError);
      expect(() => checkMessage(Buffer.concat([each, Buffer.from([0])]))).toThrow(LdapSyntaxError);
    }
  });

  it("is a message or an error of its own, whatever the bytes", () => {
    const only = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        expect(error).toBeInstanceOf(LdapSyntaxError);
      }
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...answers),
        fc.nat(200),
        fc.nat(255),
        fc.uint8Array(),
        (answer, place, byte, bytes) => {
          const spoilt = Buffer.from(answer);
          spoilt[place % spoilt.length] = byte;
          for (const each of [spoilt, Buffer.from(bytes)]) {
            only(() => checkMessage(each));
            only(() => messageLength(each));
          }
        },
      ),
    );
  });
});

describe("what has changed since", () => {
  it("is asked from the latest second on, and never by a time that is none", async () => {
    const maker = await TIMESTAMP_MARKS.begin({ entry: async () => ({ dn: "" }) });
    for (const modifyTimestamp of ["20261122100000Z", "20261122110000Z", "20261122103000Z"])
      maker.see({ dn: "", modifyTimestamp });
    expect(maker.end(undefined)).toBe("20261122110000Z");
    expect(maker.end("20261122120000Z")).toBe("20261122120000Z");
    expect(maker.since("20261122110000Z")).toBe("(modifyTimestamp>=20261122110000Z)");
    maker.see({ dn: "", modifyTimestamp: "20261122)(uid=*" });
    expect(maker.end(undefined)).toBeUndefined();
  });
});

describe("update sequence numbers", () => {
  const server = (highestCommittedUSN: string, dsServiceName = "CN=NTDS Settings,CN=DC1") => ({
    entry: async () => ({ dn: "", highestCommittedUSN, dsServiceName }),
  });

  it("count from the next one on, on the same domain controller", async () => {
    const mark = (await USN_MARKS.begin(server("100"))).end(undefined) ?? "";
    expect((await USN_MARKS.begin(server("120"))).since(mark)).toBe("(uSNChanged>=101)");
    expect((await USN_MARKS.begin(server("120", "CN=NTDS Settings,CN=DC2"))).since(mark)).toBeUndefined();
  });

  it("are worth nothing once they went back, or where there are none", async () => {
    expect((await USN_MARKS.begin(server("99"))).since("100 CN=NTDS Settings,CN=DC1")).toBeUndefined();
    expect((await USN_MARKS.begin(server("no number"))).end(undefined)).toBeUndefined();
  });
});

describe("where the directory is", () => {
  it.each([
    ["ldap://dc1.example.com", true, { host: "dc1.example.com", port: 389, tls: "start-tls" }],
    ["ldap://localhost:1389/", false, { host: "localhost", port: 1389, tls: "none" }],
    ["LDAPS://[2001:db8::1]", true, { host: "2001:db8::1", port: 636, tls: "ldaps" }],
    ["ldaps://dc1:70000", true, undefined],
    ["http://dc1", true, undefined],
    ["ldap://user:password@dc1", true, undefined],
  ])("%s", (url, isStartTls, server) => {
    expect(parseServer(url, isStartTls)).toEqual(server);
  });

  const base = { kind: "openldap", url: "ldap://dc1.example.com", base: "dc=example,dc=com" };
  it.each([
    ["a password in clear", { ...base, "bind-dn": "cn=a", password: "b", "start-tls": false }, "start-tls"],
    ["a login without password", { ...base, "bind-dn": "cn=a" }, "password"],
    ["a password of nobody", { ...base, password: "b" }, "bind-dn"],
    ["groups in groups, which OpenLDAP has not", { ...base, "nested-groups": true }, "nested-groups"],
    ["a filter without parentheses", { ...base, filter: "uid=*" }, "filter"],
    ["a pattern that is none", { ...base, jid: "{mail" }, "jid"],
    ["a page that is too large", { ...base, "page-size": 5000 }, "page-size"],
  ])("is refused with %s", (_, given, path) => {
    const result = directoryLdap.options.safeParse(given);
    expect(result.error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});
