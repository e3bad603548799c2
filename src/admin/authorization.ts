import { AddressError, type BareJid, domainOf, type PresentityId, parsePresentityId } from "../core/addresses.ts";
import type { Registry } from "../ports/registry.ts";
import { type Actor, type CommandContext, LOCAL_ADMINISTRATOR, type Role } from "./command.ts";

/** What a sender of messages may do. */
export type Standing = Role | "stranger";

/** By what senders are told apart. */
export interface Authorities {
  /** Bare JIDs, as `parseBareJid` gives them. */
  readonly admins: readonly BareJid[];
  /** Domains, as `parseBareJid` gives them. */
  readonly servedDomains: readonly string[];
  readonly registry: Pick<Registry, "findUser">;
}

/**
 * An administrator is one whose whole bare JID is listed: the same local part on another domain is a stranger. Users
 * are all of the served domains, and who is enabled from elsewhere.
 */
export async function findStanding(
  { admins, servedDomains, registry }: Authorities,
  sender: PresentityId,
): Promise<Standing> {
  if (admins.includes(sender)) return "admin";
  if (servedDomains.includes(domainOf(sender))) return "user";
  return (await registry.findUser(sender))?.isEnabled ? "user" : "stranger";
}

/** The administrator of that name, as `Actor.name` has it; undefined: there is none any more. */
export function findAdministrator(
  name: string,
  { admins, domainAdmins = [] }: { readonly admins: readonly BareJid[]; readonly domainAdmins?: readonly BareJid[] },
): Actor | undefined {
  if (name === LOCAL_ADMINISTRATOR.name) return LOCAL_ADMINISTRATOR;
  if (admins.some((admin) => admin === name)) return { name, role: "admin" };
  const limited = domainAdmins.find((admin) => admin === name);
  return limited && { name, role: "admin", domains: [domainOf(limited)] };
}

/** False for users whom an administrator of one domain has nothing to do with. */
export const isOwnDomain = ({ domains }: Actor, presentity: PresentityId): boolean =>
  domains === undefined || domains.includes(domainOf(presentity));

/** A user who is administrator of one domain gets the commands for that; everybody else what they had. */
export function promoteDomainAdmin(context: CommandContext): CommandContext {
  const { actor, domainAdmins = [], commands } = context;
  if (actor.role === "admin" || !actor.presentity || !domainAdmins.includes(actor.presentity)) return context;
  return {
    ...context,
    actor: { ...actor, role: "admin", domains: [domainOf(actor.presentity)] },
    commands: commands.filter(({ who, isPerDomain }) => who === "user" || isPerDomain),
  };
}

/**
 * The person in a stanza's `from`; `undefined` for a server, and for an address that was not prepared as RFC 7622 3.3
 * demands of servers: none may become an administrator's by our own normalisation (a Kelvin sign is no `k`).
 */
export function parseSender(from: string): PresentityId | undefined {
  const slash = from.indexOf("/");
  const bare = slash < 0 ? from : from.slice(0, slash);
  try {
    const sender = parsePresentityId(bare);
    return sender === bare.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) ? sender : undefined;
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
