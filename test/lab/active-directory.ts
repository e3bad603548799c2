import { BASE, type Slapd, startSlapd } from "./slapd.ts";

/** A user account of Active Directory. */
export interface Account {
  readonly name: string;
  /** Counts the changes of the whole directory. */
  readonly usn: number;
  readonly principal?: string;
  readonly mail?: string;
  readonly isDisabled?: boolean;
  readonly groups?: readonly string[];
}

const SYNTAX = "SYNTAX 1.3.6.1.4.1.1466.115.121.1";
const TEXT = `EQUALITY caseIgnoreMatch ${SYNTAX}.15 SINGLE-VALUE`;
const INTEGER = `EQUALITY integerMatch ORDERING integerOrderingMatch ${SYNTAX}.27 SINGLE-VALUE`;

/** Under the names and numbers of MS-ADA1 to MS-ADA3 and MS-ADSC. */
const SCHEMA = [
  `attributetype ( 1.2.840.113556.1.2.120 NAME 'uSNChanged' ${INTEGER} )`,
  `attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch ${SYNTAX}.40 SINGLE-VALUE )`,
  `attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' ${TEXT} )`,
  `attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' ${TEXT} )`,
  `attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' ${INTEGER} )`,
  `attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' ${TEXT} )`,
  `attributetype ( 1.2.840.113556.1.2.102 NAME 'memberOf' EQUALITY distinguishedNameMatch ${SYNTAX}.12 )`,
  `attributetype ( 1.2.840.113556.1.4.9999.1 NAME 'highestCommittedUSN' ${INTEGER} )`,
  `attributetype ( 1.2.840.113556.1.4.9999.2 NAME 'dsServiceName' ${TEXT} )`,
  "objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn )",
  "objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL MAY ( uSNChanged $ objectGUID $ userPrincipalName $ sAMAccountName $ userAccountControl $ objectCategory $ memberOf ) )",
];

const CONTROLLER = "CN=NTDS Settings,CN=DC1,CN=Servers,DC=example,DC=com";

/** A slapd that has what the gateway reads of Active Directory, as far as a slapd can: not nested groups. */
export class ActiveDirectory {
  readonly slapd: Slapd;

  private constructor(slapd: Slapd) {
    this.slapd = slapd;
  }

  static async start(): Promise<ActiveDirectory> {
    return new ActiveDirectory(await startSlapd({ schema: SCHEMA, rootDse: rootDseOf([], CONTROLLER) }));
  }

  /** Has these accounts from now on; on another domain controller the numbers of changes are others. */
  async fill(accounts: readonly Account[], groups: readonly string[] = [], controller = CONTROLLER): Promise<void> {
    const units = [`dn: ou=people,${BASE}\nobjectClass: organizationalUnit\nou: people\n`];
    const sets = groups.map((name) => `dn: ${groupDn(name)}\nobjectClass: group\ncn: ${name}\n`);
    await this.slapd.refill([...units, ...sets, ...accounts.map(ldifOf)].join("\n"));
    await this.slapd.setRootDse(rootDseOf(accounts, controller));
  }
}

/** The distinguished name of a group. */
export const groupDn = (name: string): string => `cn=${name},${BASE}`;

const rootDseOf = (accounts: readonly Account[], controller: string): readonly string[] => [
  `highestCommittedUSN: ${Math.max(1, ...accounts.map(({ usn }) => usn))}`,
  `dsServiceName: ${controller}`,
];

/** ACCOUNTDISABLE and NORMAL_ACCOUNT (MS-ADTS 2.2.16). */
const [DISABLED, NORMAL] = [0x2, 0x200];

function ldifOf({ name, usn, principal, mail, isDisabled = false, groups = [] }: Account): string {
  // Bytes that are no UTF-8, as most of real ones are.
  const guid = Buffer.concat([Buffer.from([0xff, 0x00, 0xc3, 0x28]), Buffer.from(name.padEnd(12).slice(0, 12))]);
  return [
    `dn: cn=${name},ou=people,${BASE}`,
    "objectClass: user",
    "objectCategory: person",
    `cn: ${name}`,
    `sn: ${name}`,
    `sAMAccountName: ${name}`,
    `userPrincipalName: ${principal ?? `${name}@example.com`}`,
    `mail: ${mail ?? `${name}@example.com`}`,
    `objectGUID:: ${guid.toString("base64")}`,
    `uSNChanged: ${usn}`,
    `userAccountControl: ${NORMAL + (isDisabled ? DISABLED : 0)}`,
    ...groups.map((group) => `memberOf: ${groupDn(group)}`),
    "",
  ].join("\n");
}
