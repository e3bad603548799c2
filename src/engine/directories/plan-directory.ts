import { domainOf, type PresentityId } from "../../core/addresses.ts";
import type { DirectoryEntry } from "../../ports/directory-source.ts";
import type { DirectoryStep, DirectoryUser } from "../../ports/directory-users.ts";
import type { User } from "../../ports/registry.ts";

/** What people of one group get. */
export interface DirectoryTemplate {
  /** False: nobody of the group is a user, whatever the templates after it say. */
  readonly isEnabled: boolean;
  /** Pool of calendar servers or one server; absent: the only one there is. */
  readonly gateway?: string;
  /** BCP 47; absent: what the person prefers, else what the mailbox says. */
  readonly locale?: string;
}

/** All that is needed to tell what a directory changes. */
export interface DirectoryFacts {
  /** The directory's name. */
  readonly directory: string;
  /** Names of all directories that are configured: the users of another one are its own. */
  readonly configured: ReadonlySet<string>;
  readonly entries: Iterable<DirectoryEntry>;
  readonly templates: readonly DirectoryTemplate[];
  readonly users: ReadonlyMap<PresentityId, User>;
  /** Users who come from any directory. */
  readonly given: readonly DirectoryUser[];
  readonly servedDomains: readonly string[];
  /** Names of pools and calendar servers. */
  readonly gateways: ReadonlySet<string>;
  /** The one that is taken where no template names one. */
  readonly onlyGateway: string | undefined;
  /** BCP 47: the parameter `default-language`. */
  readonly defaultLanguage: string;
  /** Whether users made by hand who stand in the directory are the directory's from now on. */
  readonly takesOver?: boolean;
}

/** What stands against somebody, or only looks odd. */
type MismatchKind =
  | "differs"
  | "no-address"
  | "not-served"
  | "duplicate"
  | "by-hand"
  | "other-directory"
  | "no-gateway";

/** Somebody whose data do not fit together (R10). */
export interface Mismatch {
  readonly kind: MismatchKind;
  /** For people: the distinguished name. */
  readonly name: string;
  readonly jid: string;
  readonly mailbox: string;
  readonly principal: string;
  readonly text: string;
}

/** What a directory changes, in the order in which it is to be done: ends first. */
export interface DirectoryPlan {
  readonly steps: readonly DirectoryStep[];
  readonly mismatches: readonly Mismatch[];
  /** Users whom the directory has now. */
  readonly owned: number;
  /** People whom a template enables, whether they can be users or not. */
  readonly enabled: number;
}

/** What a directory changes, by what it says now, what it said last, and what administrators have set since. */
export function planDirectory(facts: DirectoryFacts): DirectoryPlan {
  const enabled = enabledEntries(facts);
  const given = new Map(facts.given.map((each) => [each.presentity, each]));
  const owned = facts.given.filter(({ directory }) => directory === facts.directory);
  const steps: DirectoryStep[] = [];
  const mismatches: Mismatch[] = [];
  const stay = new Set<PresentityId | undefined>();
  // Of somebody whose data are broken nothing is known: that is no reason to end anything.
  const ownedByKey = new Map(owned.map((each) => [each.key, each.presentity]));
  const counts = countBy(enabled, ({ presentity }) => presentity);
  for (const entry of enabled) {
    const verdict = judge(entry, { facts, given, counts, ownedByKey });
    if (verdict.mismatch) mismatches.push(describe(entry, verdict.mismatch));
    if (verdict.step) steps.push(verdict.step);
    stay.add(entry.presentity ?? ownedByKey.get(entry.key));
  }
  const removals = owned.flatMap(({ presentity }): readonly DirectoryStep[] => {
    const before = facts.users.get(presentity);
    return before && !stay.has(presentity) ? [{ kind: "remove", before }] : [];
  });
  return { steps: [...removals, ...steps], mismatches, owned: owned.length, enabled: enabled.length };
}

/** At least so many may always go: a small company would be asked each time. */
const ALWAYS_ALLOWED = 5;

/** Whether so many removals need an administrator's word; that nobody is left, or none of several users, always does. */
export function needsConfirmation(
  { removals, owned, entries }: { readonly removals: number; readonly owned: number; readonly entries: number },
  mostPercent: number,
): boolean {
  if (removals === 0) return false;
  if (entries === 0 || (removals === owned && owned > 1)) return true;
  return removals > Math.max(ALWAYS_ALLOWED, Math.floor((owned * mostPercent) / 100));
}

type Entry = DirectoryEntry & { readonly wanted: DirectoryTemplate };

function enabledEntries({ entries, templates }: DirectoryFacts): readonly Entry[] {
  const enabled: Entry[] = [];
  for (const entry of entries) {
    const wanted = entry.template === undefined ? undefined : templates[entry.template];
    if (wanted?.isEnabled) enabled.push({ ...entry, wanted });
  }
  return enabled;
}

function countBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, number> {
  const counts = new Map<Key, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

type Problem = readonly [kind: MismatchKind, text: string];

interface Verdict {
  readonly step?: DirectoryStep;
  readonly mismatch?: Problem;
}

interface Known {
  readonly facts: DirectoryFacts;
  readonly given: ReadonlyMap<PresentityId, DirectoryUser>;
  readonly counts: ReadonlyMap<PresentityId | undefined, number>;
  readonly ownedByKey: ReadonlyMap<string, PresentityId>;
}

function judge(entry: Entry, known: Known): Verdict {
  const { presentity, mailbox, wanted } = entry;
  const { facts, given } = known;
  const problem = problemOf(entry, known);
  if (problem) return { mismatch: problem };
  const user = presentity && facts.users.get(presentity);
  const last = presentity && given.get(presentity);
  const gateway = wanted.gateway ?? facts.onlyGateway;
  if (presentity === undefined || mailbox === undefined || gateway === undefined) return {}; // has a problem
  const locale = wanted.locale ?? entry.language;
  const now = { presentity, directory: facts.directory, key: entry.key, mailbox, gateway };
  const gift = locale === undefined ? now : { ...now, locale };
  const step = user ? compare(user, last, gift) : addition(gift, known);
  const mismatch = differing(entry);
  return { ...(step && { step }), ...(mismatch && { mismatch }) };
}

/** Why somebody cannot be made a user, or is left as they are. */
function problemOf(entry: Entry, { facts, given, counts }: Known): Problem | undefined {
  const { presentity, mailbox } = entry;
  if (presentity === undefined || mailbox === undefined)
    return ["no-address", entry.problem ?? "has no JID or no mailbox"];
  if (!facts.servedDomains.includes(domainOf(presentity)))
    return ["not-served", `the gateway does not serve ${domainOf(presentity)}`];
  if ((counts.get(presentity) ?? 0) > 1) return ["duplicate", "more than one entry has this JID"];
  const [user, last] = [facts.users.get(presentity), given.get(presentity)];
  if (user && !last && !facts.takesOver) return byHand(user, entry);
  if (last && last.directory !== facts.directory && facts.configured.has(last.directory))
    return ["other-directory", `comes from the directory ${last.directory}`];
  return gatewayProblem(entry, facts);
}

function gatewayProblem({ wanted }: Entry, { onlyGateway, gateways }: DirectoryFacts): Problem | undefined {
  const gateway = wanted.gateway ?? onlyGateway;
  if (gateway === undefined) return ["no-gateway", "the template names no gateway, and there is not exactly one"];
  return gateways.has(gateway) ? undefined : ["no-gateway", `there is no gateway or pool named ${gateway}`];
}

const byHand = (user: User, { mailbox }: Entry): Problem => [
  "by-hand",
  `was made by hand${user.mailbox === mailbox ? "" : `, with the mailbox ${user.mailbox}`}; the directory neither changes nor removes this user (takes-over)`,
];

/** What the directory gives otherwise than last time is changed; the rest stays as administrators have it. */
function compare(user: User, last: DirectoryUser | undefined, given: DirectoryUser): DirectoryStep | undefined {
  // Taken over: what an administrator has set stays.
  if (!last) return { kind: "change", before: user, user, given };
  if (isSameGift(last, given)) return undefined;
  const { locale, localeFrom, ...rest } = user;
  const kept = { locale, ...(localeFrom && { localeFrom }) };
  const changed: User = {
    ...rest,
    mailbox: last.mailbox === given.mailbox ? user.mailbox : given.mailbox,
    gateway: last.gateway === given.gateway ? user.gateway : given.gateway,
    // What somebody has chosen by chat stands before what the directory says of them.
    ...(last.locale === given.locale || localeFrom === "user" ? kept : localeOf(given, user.locale)),
  };
  return { kind: "change", before: user, user: changed, given };
}

/** Somebody with a new JID is a new user, but has opted out all the same: only they themselves, or a word of an administrator, undo that. */
function addition(given: DirectoryUser, { facts, ownedByKey }: Known): DirectoryStep {
  const former = ownedByKey.get(given.key);
  const optedOutAt = former && facts.users.get(former)?.optedOutAt;
  return {
    kind: "add",
    user: { ...newUser(given, facts.defaultLanguage), ...(optedOutAt !== undefined && { optedOutAt }) },
    given,
  };
}

const isSameGift = (a: DirectoryUser, b: DirectoryUser): boolean =>
  a.directory === b.directory &&
  a.key === b.key &&
  a.mailbox === b.mailbox &&
  a.gateway === b.gateway &&
  a.locale === b.locale;

const newUser = (given: DirectoryUser, defaultLanguage: string): User => ({
  presentity: given.presentity,
  mailbox: given.mailbox,
  gateway: given.gateway,
  ...localeOf(given, defaultLanguage),
  isEnabled: true,
});

/** Where the directory says nothing, the mailbox is asked, and until it is heard the locale is this one. */
const localeOf = ({ locale }: DirectoryUser, otherwise: string): Pick<User, "locale" | "localeFrom"> =>
  locale === undefined ? { locale: otherwise, localeFrom: "default" } : { locale };

/** R10: that the names differ is no obstacle, but the reason of many. */
function differing({ presentity, mailbox, principal }: Entry): Problem | undefined {
  const names = [
    ["JID", presentity],
    ["mailbox", mailbox],
    ["UPN", principal],
  ].filter(([, name]) => name !== undefined);
  if (new Set(names.map(([, name]) => name)).size < 2) return undefined;
  return ["differs", `${names.map(([what]) => what).join(", ")} are not the same`];
}

const describe = ({ name, presentity, mailbox, principal }: Entry, [kind, text]: Problem): Mismatch => ({
  kind,
  name,
  jid: presentity ?? "",
  mailbox: mailbox ?? "",
  principal: principal ?? "",
  text,
});
