import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMailbox, parsePresentityId } from "../../../src/core/addresses.ts";
import {
  type DirectoryFacts,
  needsConfirmation,
  planDirectory,
} from "../../../src/engine/directories/plan-directory.ts";
import type { DirectoryEntry } from "../../../src/ports/directory-source.ts";
import type { DirectoryStep, DirectoryUser } from "../../../src/ports/directory-users.ts";
import type { User } from "../../../src/ports/registry.ts";

const jidOf = (name: string, domain = "example.com") => parsePresentityId(`${name}@${domain}`);

const person = (name: string, changes: Partial<DirectoryEntry> = {}): DirectoryEntry => ({
  key: `key of ${name}`,
  name: `uid=${name},dc=example,dc=com`,
  presentity: jidOf(name),
  mailbox: parseMailbox(`${name}@example.com`),
  template: 0,
  ...changes,
});

interface World {
  readonly users: readonly User[];
  readonly given: readonly DirectoryUser[];
}

const EMPTY: World = { users: [], given: [] };

const factsOf = (entries: readonly DirectoryEntry[], world: World, changes: Partial<DirectoryFacts> = {}) => ({
  directory: "hq",
  configured: new Set(["hq", "branch"]),
  entries,
  templates: [{ isEnabled: true }, { isEnabled: true, gateway: "second", locale: "de-AT" }, { isEnabled: false }],
  users: new Map(world.users.map((user) => [user.presentity, user])),
  given: world.given,
  servedDomains: ["example.com"],
  gateways: new Set(["main", "second"]),
  onlyGateway: "main",
  defaultLanguage: "en",
  ...changes,
});

/** What the store does with a plan. */
function applyAll(world: World, steps: readonly DirectoryStep[]): World {
  const users = new Map(world.users.map((user) => [user.presentity, user]));
  const given = new Map(world.given.map((each) => [each.presentity, each]));
  for (const step of steps) {
    if (step.kind === "remove") {
      users.delete(step.before.presentity);
      given.delete(step.before.presentity);
    } else {
      users.set(step.user.presentity, step.user);
      given.set(step.given.presentity, step.given);
    }
  }
  return { users: [...users.values()], given: [...given.values()] };
}

const sync = (entries: readonly DirectoryEntry[], world: World, changes: Partial<DirectoryFacts> = {}): World =>
  applyAll(world, planDirectory(factsOf(entries, world, changes)).steps);

const byHand = (name: string, changes: Partial<User> = {}): User => ({
  presentity: jidOf(name),
  mailbox: parseMailbox(`${name}@example.com`),
  gateway: "main",
  locale: "en",
  isEnabled: true,
  ...changes,
});

describe("what a directory changes", () => {
  it("makes whoever has a template a user, with its gateway and locale, else the only gateway and the own language", () => {
    const entries = [
      person("alice", { language: "fr" }),
      person("bob", { template: 1, language: "fr" }),
      person("carol"),
    ];
    const { users } = sync(entries, EMPTY);
    expect(users).toEqual([
      byHand("alice", { locale: "fr" }),
      byHand("bob", { gateway: "second", locale: "de-AT" }),
      byHand("carol", { localeFrom: "default" }),
    ]);
  });

  it("leaves out whoever has no template, or one that is not enabled, and removes them when they were users of it", () => {
    const before = sync([person("alice"), person("bob"), person("carol")], EMPTY);
    const { template: _, ...none } = person("bob");
    const { users } = sync([person("alice"), none, person("carol", { template: 2 })], before);
    expect(users.map(({ presentity }) => presentity)).toEqual([jidOf("alice")]);
  });

  it("removes whoever is missing, ends first, and never who was made by hand", () => {
    const world = sync([person("alice"), person("bob")], { users: [byHand("carol")], given: [] });
    const { steps } = planDirectory(factsOf([person("dave"), person("alice")], world));
    expect(steps.map(({ kind }) => kind)).toEqual(["remove", "add"]);
    expect(
      applyAll(world, steps)
        .users.map(({ presentity }) => presentity)
        .toSorted(),
    ).toEqual(["alice", "carol", "dave"].map((name) => jidOf(name)));
  });

  it("changes what the directory gives otherwise than last time, and leaves what an administrator has set", () => {
    const before = sync([person("alice", { language: "fr" })], EMPTY);
    const set = { ...before, users: before.users.map((user) => ({ ...user, gateway: "second", isEnabled: false })) };
    const mailbox = parseMailbox("alice.b@example.com");
    const { users } = sync([person("alice", { language: "fr", mailbox })], set);
    expect(users).toEqual([byHand("alice", { mailbox, gateway: "second", locale: "fr", isEnabled: false })]);
    expect(planDirectory(factsOf([person("alice", { language: "fr" })], before)).steps).toEqual([]);
  });

  it("keeps the SIP address that an administrator has given, and takes the locale back where the directory says none", () => {
    const before = sync([person("alice", { language: "fr" })], EMPTY);
    const [given] = sync([person("alice")], before).users;
    expect(given).toMatchObject({ locale: "fr", localeFrom: "default" });
  });

  it("ends nothing for somebody whose data are broken, and says what is wrong", () => {
    const before = sync([person("alice"), person("bob")], EMPTY);
    const { presentity: _, ...broken } = person("alice", { problem: "has no JID: an attribute is missing" });
    const twins = [person("bob", { key: "one" }), person("bob", { key: "two" })];
    const plan = planDirectory(factsOf([broken, ...twins], before));
    expect(plan.steps).toEqual([]);
    expect(plan.mismatches.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
      "no-address: has no JID: an attribute is missing",
      "duplicate: more than one entry has this JID",
      "duplicate: more than one entry has this JID",
    ]);
  });

  it.each([
    ["not-served", person("alice", { presentity: jidOf("alice", "example.org") }), {}],
    ["no-gateway", person("alice"), { onlyGateway: undefined }],
    ["no-gateway", person("alice", { template: 1 }), { gateways: new Set(["main"]) }],
  ])("makes nobody a user without what a user needs: %s", (kind, entry, changes) => {
    const plan = planDirectory(factsOf([entry], EMPTY, changes));
    expect([plan.steps, plan.mismatches.map((each) => each.kind)]).toEqual([[], [kind]]);
  });

  it("leaves the users of another directory to it, and takes them over once that is configured no more", () => {
    const world = sync([person("alice")], EMPTY, { directory: "branch" });
    const plan = planDirectory(factsOf([person("alice")], world));
    expect([plan.steps, plan.mismatches.map(({ kind }) => kind)]).toEqual([[], ["other-directory"]]);
    const later = sync([person("alice")], world, { configured: new Set(["hq"]) });
    expect(later.given.map(({ directory }) => directory)).toEqual(["hq"]);
  });

  it("says of who was made by hand that the directory leaves them alone", () => {
    const world = { users: [byHand("alice"), byHand("bob", { mailbox: parseMailbox("b@example.com") })], given: [] };
    const { steps, mismatches } = planDirectory(factsOf([person("alice"), person("bob")], world));
    expect(steps).toEqual([]);
    expect(mismatches.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
      "by-hand: was made by hand; the directory neither changes nor removes this user (takes-over)",
      "by-hand: was made by hand, with the mailbox b@example.com; the directory neither changes nor removes this user (takes-over)",
    ]);
  });

  it("[K3] takes over who was made by hand where it is told to, as administrators have it, and removes them when they leave", () => {
    const user = byHand("alice", { gateway: "second", locale: "fr", isEnabled: false });
    const takesOver = { takesOver: true };
    const world = sync([person("alice"), person("bob")], { users: [user, byHand("carol")], given: [] }, takesOver);
    expect(world.users).toContainEqual(user);
    expect(planDirectory(factsOf([person("alice"), person("bob")], world, takesOver)).steps).toEqual([]);
    const later = sync([person("bob")], world, takesOver);
    expect(later.users.map(({ presentity }) => presentity).toSorted()).toEqual([jidOf("bob"), jidOf("carol")]);
  });

  it("leaves the language that somebody has chosen by chat", () => {
    const before = sync([person("alice", { language: "fr" })], EMPTY);
    const chosen = {
      ...before,
      users: before.users.map((user) => ({ ...user, locale: "sv", localeFrom: "user" as const })),
    };
    expect(sync([person("alice", { language: "de" })], chosen).users).toMatchObject([
      { locale: "sv", localeFrom: "user" },
    ]);
  });

  it("[R10] reports whose JID, mailbox and user principal name are not the same, and makes them users all the same", () => {
    const mailbox = parseMailbox("alice.b@example.com");
    const entries = [
      person("alice", { mailbox, principal: "alice@example.com" }),
      person("bob", { principal: "bob@example.com" }),
    ];
    const plan = planDirectory(factsOf(entries, EMPTY));
    expect(plan.mismatches).toEqual([
      {
        kind: "differs",
        name: "uid=alice,dc=example,dc=com",
        jid: "alice@example.com",
        mailbox: "alice.b@example.com",
        principal: "alice@example.com",
        text: "JID, mailbox, UPN are not the same",
      },
    ]);
    expect(plan.steps).toHaveLength(2);
  });

  it("[U5] applies a changed template to the users who are there already", () => {
    const before = sync([person("alice"), person("bob")], EMPTY);
    const templates = [{ isEnabled: true, gateway: "second", locale: "nl" }];
    const { users } = sync([person("alice"), person("bob")], before, { templates });
    expect(users).toEqual([
      byHand("alice", { gateway: "second", locale: "nl" }),
      byHand("bob", { gateway: "second", locale: "nl" }),
    ]);
  });
});

describe("a synchronisation, whatever the directory says", () => {
  const name = fc.constantFrom("alice", "bob", "carol", "dave", "erin");
  const entry = fc
    .record({ name, template: fc.constantFrom(undefined, 0, 1, 2, 9), isBroken: fc.boolean() })
    .map((each) => {
      const { template: _, presentity, mailbox, ...rest } = person(each.name);
      const addresses = { ...(presentity && !each.isBroken && { presentity }), ...(mailbox && { mailbox }) };
      return { ...rest, ...addresses, ...(each.template !== undefined && { template: each.template }) };
    });
  const listing = fc.uniqueArray(entry, { selector: ({ key }) => key, maxLength: 5 });
  const hands = fc.uniqueArray(name, { maxLength: 3 }).map((names) => names.map((each) => byHand(each)));

  it("changes nothing when it is done again", () => {
    fc.assert(
      fc.property(hands, fc.array(listing, { minLength: 1, maxLength: 4 }), (users, listings) => {
        let world: World = { users, given: [] };
        for (const entries of listings) world = sync(entries, world);
        expect(planDirectory(factsOf(listings.at(-1) ?? [], world)).steps).toEqual([]);
      }),
    );
  });

  it("neither removes nor changes who was made by hand, and has no user without an entry", () => {
    fc.assert(
      fc.property(hands, fc.array(listing, { minLength: 1, maxLength: 4 }), (users, listings) => {
        let world: World = { users, given: [] };
        for (const entries of listings) world = sync(entries, world);
        for (const user of users) expect(world.users).toContainEqual(user);
        const keys = new Set((listings.at(-1) ?? []).map(({ key }) => key));
        for (const { key } of world.given) expect(keys.has(key)).toBe(true);
        expect(world.users).toHaveLength(users.length + world.given.length);
      }),
    );
  });
});

describe("how many may go without an administrator's word", () => {
  it.each([
    [0, 100, 100, false],
    [5, 10, 5, false],
    [6, 10, 4, true],
    [5, 5, 0, true],
    [1, 1, 0, true],
    [1, 1, 9, false],
    [3, 3, 9, true],
    [1500, 15_000, 13_500, false],
    [1501, 15_000, 13_499, true],
    [15_000, 15_000, 0, true],
  ])("%i of %i, with %i left in the directory: asks %s", (removals, owned, entries, asks) => {
    expect(needsConfirmation({ removals, owned, entries }, 10)).toBe(asks);
  });
});
