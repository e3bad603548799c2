import type { BareJid } from "../core/addresses.ts";
import type { DomainAccess } from "../ports/xmpp-link.ts";
import { NS } from "./namespaces.ts";
import type { PrivilegeAdvert } from "./privilege.ts";

/** A domain whose users the gateway serves, and how the administrator says it may act for them. */
export interface ManagedDomain {
  readonly domain: BareJid;
  /** `auto`: by privilege where the server grants it. Never guesses `trusted`: a server that checks `from` ends the stream. */
  readonly actsBy: "auto" | "privilege" | "trusted";
}

/** What the server of one domain has said on the present connection. */
export interface HeardOfDomain {
  readonly advert?: PrivilegeAdvert;
  readonly isModuleKnown?: boolean;
  readonly moduleInstance?: string;
  readonly moduleFeatures?: string;
}

/** How the gateway may act in the domain, by what is configured and what the server said. Pure. */
function decideAccess(
  { domain, actsBy }: ManagedDomain,
  { advert, isModuleKnown = false, moduleInstance, moduleFeatures = "" }: HeardOfDomain,
): DomainAccess {
  const byAdvert = advert?.hasPubsub ? "privilege" : "none";
  const privilegeNamespace = advert?.namespace ?? (actsBy === "privilege" ? NS.privilege2 : undefined);
  return {
    domain,
    actsBy: actsBy === "auto" ? byAdvert : actsBy,
    hasPresence: advert?.hasPresence ?? false,
    hasRoster: advert?.hasRoster ?? false,
    isModuleKnown,
    moduleFeatures,
    ...(privilegeNamespace !== undefined && { privilegeNamespace }),
    ...(moduleInstance !== undefined && { moduleInstance }),
  };
}

/** What is known of the managed domains on the present connection. */
export class DomainTable {
  readonly #managed: ReadonlyMap<BareJid, ManagedDomain>;
  readonly #heard = new Map<BareJid, HeardOfDomain>();

  constructor(domains: readonly ManagedDomain[]) {
    this.#managed = new Map(domains.map((each) => [each.domain, each]));
  }

  /** The managed domains in the order of the configuration. */
  get domains(): readonly BareJid[] {
    return [...this.#managed.keys()];
  }

  /** How the gateway may act there; `undefined` for a domain that is not managed. */
  access(domain: BareJid): DomainAccess | undefined {
    const managed = this.#managed.get(domain);
    return managed && decideAccess(managed, this.#heard.get(domain) ?? {});
  }

  /** Domains in which the gateway cannot act. */
  get withoutAccess(): readonly BareJid[] {
    return this.domains.filter((domain) => this.access(domain)?.actsBy === "none");
  }

  /** Notes what was heard; true when it changes how the gateway may act. Of a domain not managed nothing is believed. */
  record(domain: BareJid, heard: HeardOfDomain): boolean {
    const before = this.access(domain);
    if (!before) return false;
    this.#heard.set(domain, { ...this.#heard.get(domain), ...heard });
    return JSON.stringify(before) !== JSON.stringify(this.access(domain));
  }

  /** Notes that the server module is not there. */
  recordNoModule(domain: BareJid): boolean {
    const { moduleInstance, moduleFeatures: _, ...rest } = this.#heard.get(domain) ?? {};
    this.#heard.set(domain, { ...rest, isModuleKnown: true });
    return moduleInstance !== undefined || rest.isModuleKnown === undefined;
  }

  /** A new connection: all that was heard is void. */
  clear(): void {
    this.#heard.clear();
  }
}
