import type { DirectoryEntry } from "../../src/ports/directory-source.ts";
import { valuesOf } from "./decode-entry.ts";
import { dnKey, escapeFilterValue } from "./distinguished-name.ts";
import { ldapError } from "./ldap-errors.ts";
import type { LdapQuery, LdapSession } from "./ldap-session.ts";

/** How the directory knows who is in a group. */
export interface GroupReading {
  /** `memberOf` is asked of the people, `member` of the group. */
  readonly by: "memberOf" | "member";
  /** Members of groups in groups too (Active Directory). */
  readonly isNested: boolean;
}

/** MS-ADTS 3.1.1.3.4.4.3: along the whole chain. */
const IN_CHAIN = "1.2.840.113556.1.4.1941";

/** Says of a person which template is the first that is for them; undefined: none is. */
export type ChooseTemplate = (entry: DirectoryEntry) => number | undefined;

/** Reads who is in the templates' groups; a template without one is for everybody. A group that is not there is an error. */
export async function readTemplates(
  session: LdapSession,
  groups: readonly (string | undefined)[],
  { people, reading }: { readonly people: Pick<LdapQuery, "base" | "filter">; readonly reading: GroupReading },
): Promise<ChooseTemplate> {
  const members: (ReadonlySet<string> | undefined)[] = [];
  for (const group of groups) {
    if (group === undefined) members.push(undefined);
    else if (reading.by === "member") members.push(await readMembers(session, group));
    else members.push(await findMembers(session, group, { people, isNested: reading.isNested }));
  }
  return (entry) => {
    const dn = dnKey(entry.name);
    const place = members.findIndex((each) => each === undefined || each.has(dn));
    return place < 0 ? undefined : place;
  };
}

/** RFC 4519 3.5, 3.6: groupOfNames and groupOfUniqueNames. */
async function readMembers(session: LdapSession, group: string): Promise<ReadonlySet<string>> {
  const entry = await session.entry(group, ["objectClass", "member", "uniqueMember"]);
  const unique = valuesOf(entry, "uniqueMember").map((name) => name.replace(UNIQUE_IDENTIFIER, ""));
  const members = new Set([...valuesOf(entry, "member"), ...unique].map(dnKey));
  if (members.size === 0 && !valuesOf(entry, "objectClass").some((name) => /^groupOf/i.test(name)))
    throw ldapError("ldap-no-base", `${session.host}: ${group} is no groupOfNames and no groupOfUniqueNames`);
  return members;
}

/** RFC 4517 3.3.21: what may stand behind the name of a unique member. */
const UNIQUE_IDENTIFIER = /#'[01]*'B$/i;

/** Active Directory hands out members of a group in pieces only; to ask the people comes to the same. */
async function findMembers(
  session: LdapSession,
  group: string,
  { people, isNested }: { readonly people: Pick<LdapQuery, "base" | "filter">; readonly isNested: boolean },
): Promise<ReadonlySet<string>> {
  // MS-ADSC: of an organizational unit nobody would be a member.
  const classes = valuesOf(await session.entry(group, ["objectClass"]), "objectClass").map((name) =>
    name.toLowerCase(),
  );
  if (classes.length > 0 && !classes.includes("group"))
    throw ldapError("ldap-no-base", `${session.host}: ${group} is no group`);
  const filter = `(&${people.filter}(memberOf${isNested ? `:${IN_CHAIN}:` : ""}=${escapeFilterValue(group)}))`;
  const found = new Set<string>();
  for await (const page of session.pages({ base: people.base, scope: "sub", filter, attributes: ["1.1"] }))
    for (const { dn } of page) found.add(dnKey(dn));
  return found;
}
