import type { BareJid } from "../core/addresses.ts";
import type { DomainAccess } from "../ports/xmpp-link.ts";

/** A domain whose users are served, and what of the ways to show their presence there is. */
export interface ServedDomain {
  readonly domain: BareJid;
  /** What the server has said; absent while it is not connected. */
  readonly access?: DomainAccess | undefined;
  /** Whether the users have contact JIDs. */
  readonly hasContacts: boolean;
}

/** Which way contacts see the users of the domain, and why: the server's module, contact JIDs, or PEP alone. Pure. */
export function describeDomain({ access, hasContacts }: ServedDomain): string {
  if (!access) return "unknown: the XMPP server is not connected";
  if (!access.isModuleKnown) return "unknown: the server has not said yet whether it has the gateway's module";
  const activity = describeActivity(access);
  if (access.moduleInstance !== undefined) {
    const contacts = hasContacts ? "; contact JIDs too, because contact-domains names it" : "";
    return `overlay: show and status on the users' own resources, because the server has the gateway's module; ${activity}${contacts}`;
  }
  const why = "the server has no module of the gateway";
  if (hasContacts)
    return `contact JIDs: show and status there, because ${why} and contact-domains names it; ${activity}`;
  const missing = `${why} and contact-domains does not name it`;
  return access.actsBy === "none"
    ? `none: nothing is shown by XMPP, because ${missing}; ${activity}`
    : `PEP only: no show and status, because ${missing}; ${activity}`;
}

function describeActivity({ actsBy }: DomainAccess): string {
  switch (actsBy) {
    case "privilege":
      return "the activity by PEP, as privileged entity";
    case "trusted":
      return "the activity by PEP, by trusted from";
    case "none":
      return "no activity, because the server does not let the gateway act for users";
  }
}
