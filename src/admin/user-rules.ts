import { domainOf, type PresentityId, parseMailbox, type SipAor, sipKeyOf } from "../core/addresses.ts";
import { isCandidate, poolOf } from "../core/server-pool.ts";
import { nearest } from "../lib/nearest.ts";
import { readParameters } from "../ports/parameters.ts";
import type { CalendarServer, Registry, User } from "../ports/registry.ts";
import type { CommandContext } from "./command.ts";
import { commandError } from "./command-errors.ts";
import { knownPool } from "./find-entities.ts";
import { chooseSip, describeSip, type WantedSip } from "./sip-address.ts";
import { chooseLocale } from "./user-locale.ts";

/** What is wanted of a user; what is not named stays, or is found. */
export interface UserWish {
  readonly jid: PresentityId;
  readonly mailbox?: User["mailbox"] | undefined;
  readonly gateway?: string | undefined;
  /** BCP 47, or `auto`. */
  readonly locale?: string | undefined;
  readonly sip?: WantedSip | undefined;
}

/** What the rules look at: the same for one user and for a list of thousands. */
export interface UserRules {
  /** Domains whose users may be enabled, as `parseBareJid` gives them. */
  readonly servedDomains: readonly string[];
  readonly servers: readonly CalendarServer[];
  /** BCP 47, where nobody names one: the parameter `default-language`. */
  readonly defaultLanguage: string;
  readonly findSipOwner: (sip: SipAor) => PresentityId | undefined;
}

/** The rules as things stand now. */
export async function userRules({ registry, servedDomains }: CommandContext): Promise<UserRules> {
  const owners = sipOwners(await registry.listUsers());
  const servers = await registry.listCalendarServers();
  const defaultLanguage = await defaultLanguageOf(registry);
  return { servedDomains, servers, defaultLanguage, findSipOwner: (sip) => owners.get(sipKeyOf(sip)) };
}

/** The site's language, BCP 47. */
export async function defaultLanguageOf(registry: Pick<Registry, "listParameters">): Promise<string> {
  const stored = await registry.listParameters();
  return readParameters(() => stored).choice("default-language");
}

/** Whose each SIP address is, at work or at rest, by `sipKeyOf`. */
export function sipOwners(users: readonly User[]): Map<string, PresentityId> {
  const owners = new Map<string, PresentityId>();
  for (const { presentity, sip, restingSip } of users) {
    const address = sip ?? restingSip;
    if (address !== undefined) owners.set(sipKeyOf(address), presentity);
  }
  return owners;
}

/** The user as `user enable` leaves it. Throws `command-…` where a rule forbids it. */
export function enabledUser(wish: UserWish, before: User | undefined, rules: UserRules): User {
  checkDomain(rules, wish.jid);
  return {
    presentity: wish.jid,
    mailbox: wish.mailbox ?? before?.mailbox ?? parseMailboxOf(wish.jid),
    gateway: chooseGateway(rules.servers, wish.gateway, before?.gateway),
    ...chooseLocale(wish.locale, before ?? { locale: rules.defaultLanguage, localeFrom: "default" }),
    isEnabled: true,
    ...chooseSip(rules.findSipOwner, wish.sip, { ...before, presentity: wish.jid }),
  };
}

/** The user as `user set` leaves it. Throws `command-…` where a rule forbids it. */
export function changedUser(wish: UserWish, before: User, rules: UserRules): User {
  const { locale: _, localeFrom: _from, sip: _sip, restingSip: _resting, ...others } = before;
  return {
    ...others,
    ...chooseSip(rules.findSipOwner, wish.sip, before),
    mailbox: wish.mailbox ?? before.mailbox,
    gateway: wish.gateway === undefined ? before.gateway : knownPool(rules.servers, wish.gateway),
    ...chooseLocale(wish.locale, before),
  };
}

/** What is configured for the user, in one line. */
export function describeUser(user: User): string {
  const sip = describeSip(user);
  return `mailbox ${user.mailbox}, gateway ${user.gateway}, locale ${user.locale}${sip === undefined ? "" : `, SIP ${sip}`}`;
}

function checkDomain({ servedDomains }: UserRules, presentity: PresentityId): void {
  const domain = domainOf(presentity);
  if (servedDomains.includes(domain)) return;
  const close = nearest(domain, servedDomains);
  throw commandError(
    "command-conflict",
    `The gateway does not serve ${domain}${close ? `; did you mean ${close}?` : "."} It serves: ${servedDomains.join(", ") || "no domain"}.`,
  );
}

function parseMailboxOf(presentity: PresentityId): User["mailbox"] {
  try {
    return parseMailbox(presentity);
  } catch (error) {
    throw commandError("command-arguments", `${presentity} is no SMTP address: give the mailbox as mailbox=…`, error);
  }
}

function chooseGateway(
  servers: readonly CalendarServer[],
  given: string | undefined,
  before: string | undefined,
): string {
  if (given !== undefined) return knownPool(servers, given);
  if (before !== undefined && servers.some((server) => isCandidate(before, server))) return before;
  const names = [...new Set(servers.map(poolOf))];
  const [first, second] = names;
  if (first === undefined)
    throw commandError("command-conflict", "There is no gateway yet; add one first with: gateway add");
  if (second === undefined) return first;
  throw commandError("command-arguments", `gateway is missing: there are several (${names.slice(0, 50).join(", ")}).`);
}
