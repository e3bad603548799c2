import { z } from "zod";
import { isLoopback } from "../../src/lib/host.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { tlsOptionsOf } from "../shared-http/open-socket.ts";
import { readCa } from "../shared-http/read-ca.ts";
import { TIMESTAMP_MARKS, USN_MARKS } from "./change-mark.ts";
import type { EntryMapping } from "./decode-entry.ts";
import { isFilter } from "./distinguished-name.ts";
import { parseServer } from "./ldap-connection.ts";
import { LdapDirectory } from "./ldap-directory.ts";
import { ldapError } from "./ldap-errors.ts";
import { LdapSession } from "./ldap-session.ts";
import { parseValuePattern, type ValuePattern } from "./value-pattern.ts";

const pattern = z
  .string()
  .max(512)
  .refine((text) => parseValuePattern(text) !== undefined, "must be a text with attributes such as {mail} in it");

/** What differs between the two kinds of directories. */
const KINDS = {
  "active-directory": {
    // MS-ADTS 2.2.16: bit 2 of userAccountControl is set of disabled accounts.
    filter: "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
    key: "objectGUID",
    principal: "{userPrincipalName}",
    marks: USN_MARKS,
  },
  openldap: { filter: "(objectClass=inetOrgPerson)", key: "entryUUID", principal: undefined, marks: TIMESTAMP_MARKS },
} as const;

const options = z
  .strictObject({
    kind: z
      .enum(["active-directory", "openldap"])
      .describe("Which directory it is; `openldap` for every other that has entryUUID (RFC 4530)."),
    url: z
      .string()
      .refine((url) => parseServer(url, true) !== undefined, "must be ldap://host[:port] or ldaps://host[:port]")
      .describe("The server, `ldaps://dc1.example.com` or `ldap://…`. The name must stand in its certificate."),
    "start-tls": z
      .boolean()
      .default(true)
      .describe("Encrypts an ldap:// connection before the login (RFC 4511 4.14). Off only on this machine."),
    ca: z
      .string()
      .min(1)
      .optional()
      .describe("PEM file of certificate authorities that are trusted for this server too."),
    "bind-dn": z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe(
        "Who logs in: a distinguished name, for Active Directory also `account@example.com`. Absent: nobody does.",
      ),
    password: z.string().min(1).optional().describe("The password of `bind-dn`."),
    base: z.string().min(1).max(1024).describe("Below which entry the people are, `ou=people,dc=example,dc=com`."),
    filter: z
      .string()
      .max(4096)
      .refine(isFilter, "must be one LDAP filter, in parentheses that match")
      .optional()
      .describe(
        "Who of them counts (RFC 4515). Default: everybody who is a person; of Active Directory who is not disabled either.",
      ),
    "page-size": z.number().int().min(10).max(1000).default(500).describe("People a page (RFC 2696)."),
    "nested-groups": z
      .boolean()
      .default(false)
      .describe("Members of groups within a template's group count too (Active Directory)."),
    jid: pattern.default("{mail}").describe("The JID, from attributes: `{mail}`, `{sAMAccountName}@example.com`."),
    mailbox: pattern.default("{mail}").describe("The mailbox's SMTP address."),
    principal: pattern
      .optional()
      .describe(
        "The user principal name, for `directory mismatches`. Default with Active Directory: `{userPrincipalName}`.",
      ),
    language: pattern
      .default("{preferredLanguage}")
      .describe("The language of state texts: a tag or a list with weights."),
    groups: z
      .array(z.string().max(1024))
      .default([""])
      .describe("The templates' groups in their order; empty: everybody. Filled in from the templates."),
  })
  .superRefine((given, context) => {
    if ((given["bind-dn"] === undefined) !== (given.password === undefined)) {
      const [missing, other] = given.password === undefined ? ["password", "bind-dn"] : ["bind-dn", "password"];
      context.addIssue({ code: "custom", path: [missing], message: `is missing: it belongs to ${other}` });
    }
    if (given["nested-groups"] && given.kind !== "active-directory")
      context.addIssue({
        code: "custom",
        path: ["nested-groups"],
        message: "is known by active-directory only: name each group in a template of its own",
      });
    const server = parseServer(given.url, given["start-tls"]);
    if (server?.tls === "none" && given.password !== undefined && !isLoopback(server.host))
      context.addIssue({
        code: "custom",
        path: ["start-tls"],
        message: "must stay on: else the password travels in clear",
      });
  });

const readPattern = (text: string): ValuePattern =>
  parseValuePattern(text) ?? { attributes: [], fill: () => undefined };

function mappingOf(given: z.infer<typeof options>): EntryMapping {
  const { key, principal } = KINDS[given.kind];
  const wanted = given.principal ?? principal;
  return {
    key,
    jid: readPattern(given.jid),
    mailbox: readPattern(given.mailbox),
    principal: wanted === undefined ? undefined : readPattern(wanted),
    language: readPattern(given.language),
  };
}

/** People of an LDAP directory. */
export default definePlugin({
  kind: "directory",
  name: "ldap",
  summary: "Takes users from Active Directory, OpenLDAP or another LDAP directory.",
  implements: ["RFC 4511 to 4515", "RFC 2696", "RFC 4530", "RFC 2798 section 2.7", "MS-ADTS"],
  options,
  secrets: ["password"],
  needs: [],
  create: (given, { runtime, trust }) => {
    const server = parseServer(given.url, given["start-tls"]);
    if (!server) throw ldapError("ldap-refused", "the directory's URL is not valid");
    const isActive = given.kind === "active-directory";
    const access = {
      server,
      bindDn: given["bind-dn"],
      password: given.password,
      pageSize: given["page-size"],
      isDomainScoped: isActive,
    };
    const unreadable = (text: string, cause: unknown) => ldapError("ldap-unreadable", text, cause);
    return new LdapDirectory(
      {
        host: server.host,
        people: { base: given.base, filter: given.filter ?? KINDS[given.kind].filter },
        mapping: mappingOf(given),
        marks: KINDS[given.kind].marks,
        groups: given.groups.map((group) => (group === "" ? undefined : group)),
        reading: { by: isActive ? "memberOf" : "member", isNested: given["nested-groups"] },
      },
      async (signal) => {
        const ca = await readCa(given.ca, unreadable, signal);
        const tls = () => tlsOptionsOf(server.host, trust, { ca, exceptions: new Set() });
        return LdapSession.open(access, { tls, clock: runtime.clock }, signal);
      },
      runtime,
    );
  },
});
