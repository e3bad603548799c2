import { type PresentityId, sipKeyOf } from "../../core/addresses.ts";
import { GatewayError } from "../../ports/errors.ts";
import { isSameUser, type User } from "../../ports/registry.ts";
import { isOwnDomain } from "../authorization.ts";
import type { Actor, CommandContext } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { jidWarnings } from "../jid-warnings.ts";
import { localeWarnings } from "../locale-warnings.ts";
import {
  changedUser,
  defaultLanguageOf,
  enabledUser,
  sipOwners,
  type UserRules,
  type UserWish,
} from "../user-rules.ts";
import type { ImportRow, WrongRow } from "./read-import.ts";

/** What a row comes to: the user as it will be, and what is to be known of it. */
export type Decision =
  | { readonly kind: "new" | "changed" | "same"; readonly user: User; readonly warnings: readonly string[] }
  | { readonly kind: "wrong"; readonly problems: readonly string[] };

/** Decides the rows of one list, one after the other: by the rules of `user enable` and `user set`, and once a JID. */
export class RowDecider {
  readonly #rules: UserRules;
  readonly #optOuts: ReadonlySet<PresentityId>;
  readonly #actor: Actor;
  readonly #sipOwners: Map<string, PresentityId>;
  readonly #mailboxes = new Map<string, PresentityId>();
  readonly #lines = new Map<PresentityId, number>();
  readonly #toldLocales = new Set<string>();

  private constructor(
    rules: Omit<UserRules, "findSipOwner">,
    { users, optOuts, actor }: { users: readonly User[]; optOuts: ReadonlySet<PresentityId>; actor: Actor },
  ) {
    this.#optOuts = optOuts;
    this.#sipOwners = sipOwners(users);
    this.#rules = { ...rules, findSipOwner: (sip) => this.#sipOwners.get(sipKeyOf(sip)) };
    this.#actor = actor;
    for (const user of users) if (user.isEnabled) this.#mailboxes.set(user.mailbox, user.presentity);
  }

  /** Begins with what is configured now. */
  static async create({ registry, servedDomains, actor }: CommandContext): Promise<RowDecider> {
    const servers = await registry.listCalendarServers();
    const defaultLanguage = await defaultLanguageOf(registry);
    const known = { users: await registry.listUsers(), optOuts: await registry.listOptOuts(), actor };
    return new RowDecider({ servedDomains, servers, defaultLanguage }, known);
  }

  /** What the row comes to, where the user is `before` now. */
  decide(row: ImportRow | WrongRow, before: User | undefined): Decision {
    if ("problems" in row) return { kind: "wrong", problems: row.problems };
    const earlier = this.#lines.get(row.jid);
    if (earlier !== undefined) return { kind: "wrong", problems: [`${row.jid} stands in line ${earlier} already`] };
    this.#lines.set(row.jid, row.line);
    try {
      this.#checkAuthority(row.jid);
      const user = wantedUser(row, before, this.#rules);
      const kind = before === undefined ? "new" : isSameUser(before, user) ? "same" : "changed";
      return { kind, user, warnings: [...this.#notesOn(row, before), ...this.#take(user, before)] };
    } catch (error) {
      if (!(error instanceof GatewayError) || !error.code.startsWith("command-")) throw error;
      return { kind: "wrong", problems: [error.message.replace(/\.$/, "")] };
    }
  }

  /** What does not hinder. Who has opted out by chat stays hidden: a list undoes that of nobody. */
  #notesOn({ jid, note, isEnabled }: ImportRow, before: User | undefined): readonly string[] {
    const isHidden = this.#optOuts.has(jid) && isEnabled !== false;
    return [
      ...(note ? [note] : []),
      ...(before ? [] : jidWarnings(jid).map((text) => text.replace(/\.$/, ""))),
      ...(isHidden ? [`${jid} has opted out by chat, and stays hidden`] : []),
    ];
  }

  #checkAuthority(jid: PresentityId): void {
    if (isOwnDomain(this.#actor, jid)) return;
    throw commandError("command-forbidden", `you are administrator of ${this.#actor.domains?.join(", ")} only`);
  }

  /** Notes whose the addresses are from now on. */
  #take(user: User, before: User | undefined): readonly string[] {
    for (const each of before ? [before] : []) {
      const old = each.sip ?? each.restingSip;
      if (old !== undefined) this.#sipOwners.delete(sipKeyOf(old));
    }
    const sip = user.sip ?? user.restingSip;
    if (sip !== undefined) this.#sipOwners.set(sipKeyOf(sip), user.presentity);
    if (!user.isEnabled) return [];
    const sharer = this.#mailboxes.get(user.mailbox);
    this.#mailboxes.set(user.mailbox, user.presentity);
    const shared =
      sharer === undefined || sharer === user.presentity
        ? []
        : [`the mailbox ${user.mailbox} is also that of ${sharer}`];
    return [...shared, ...this.#tellLocale(user.locale)];
  }

  /** Once a language, however many speak it. */
  #tellLocale(locale: string): readonly string[] {
    if (this.#toldLocales.has(locale)) return [];
    this.#toldLocales.add(locale);
    return localeWarnings(locale);
  }
}

function wantedUser(row: ImportRow, before: User | undefined, rules: UserRules): User {
  const isEnabled = row.isEnabled ?? before?.isEnabled ?? true;
  const resting = typeof row.sip === "object" ? row.sip.resting : undefined;
  const wish: UserWish = {
    jid: row.jid,
    mailbox: row.mailbox,
    gateway: row.gateway,
    // Nobody has set it already: asking anew would change something each time.
    locale: row.locale === "auto" && before?.localeFrom !== undefined ? undefined : row.locale,
    sip: typeof row.sip === "object" ? row.sip.resting : row.sip,
  };
  const { sip, ...user } = before && !isEnabled ? changedUser(wish, before, rules) : enabledUser(wish, before, rules);
  const address = resting === undefined ? { ...(sip !== undefined && { sip }) } : { restingSip: resting };
  return { ...user, isEnabled, ...address };
}
