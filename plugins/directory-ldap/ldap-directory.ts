import type { Instant } from "../../src/lib/time.ts";
import type { DirectoryEntry, DirectoryListing, DirectorySource } from "../../src/ports/directory-source.ts";
import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { ChangeMarks } from "./change-mark.ts";
import { decodeEntry, type EntryMapping } from "./decode-entry.ts";
import { ldapError } from "./ldap-errors.ts";
import type { LdapQuery, LdapSession } from "./ldap-session.ts";
import { type ChooseTemplate, type GroupReading, readTemplates } from "./read-templates.ts";

/** More people than these are no company's. */
const MOST_ENTRIES = 1_000_000;

/** What is read, and how it is understood. */
export interface LdapDirectorySettings {
  readonly host: string;
  readonly people: Pick<LdapQuery, "base" | "filter">;
  readonly mapping: EntryMapping;
  readonly marks: ChangeMarks;
  readonly groups: readonly (string | undefined)[];
  readonly reading: GroupReading;
}

/** A directory that speaks LDAP (RFC 4511). It connects for each reading and keeps nothing between two. */
export class LdapDirectory implements DirectorySource {
  readonly #settings: LdapDirectorySettings;
  readonly #open: (signal: AbortSignal) => Promise<LdapSession>;
  readonly #runtime: Pick<Runtime, "clock">;
  readonly #stop = new AbortController();
  #health: Health = { state: "starting" };

  constructor(
    settings: LdapDirectorySettings,
    open: (signal: AbortSignal) => Promise<LdapSession>,
    runtime: Pick<Runtime, "clock">,
  ) {
    this.#settings = settings;
    this.#open = open;
    this.#runtime = runtime;
  }

  /** A directory that is away is no reason not to start: its users are known. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("the directory was stopped"));
    this.#health = { state: "stopped" };
  }

  health(): Health {
    return this.#health;
  }

  async read(before: DirectoryListing | undefined, signal: AbortSignal): Promise<DirectoryListing> {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    try {
      const listing = await this.#read(before, either);
      this.#health = { state: "ok", detail: `${listing.entries.size} people`, since: this.#since("ok") };
      return listing;
    } catch (error) {
      either.throwIfAborted();
      const failure: GatewayError = toGatewayError(error);
      this.#health = { state: "down", error: failure, since: this.#since("down") };
      throw failure;
    }
  }

  #since(state: Health["state"]): Instant {
    const { clock } = this.#runtime;
    return this.#health.state === state && "since" in this.#health ? (this.#health.since ?? clock.now()) : clock.now();
  }

  async #read(before: DirectoryListing | undefined, signal: AbortSignal): Promise<DirectoryListing> {
    const session = await this.#open(signal);
    try {
      const { groups, people, reading } = this.#settings;
      const template = await readTemplates(session, groups, { people, reading });
      return (
        (before && (await this.#readChanges(session, before, template))) ?? (await this.#readAll(session, template))
      );
    } finally {
      session.close();
    }
  }

  async #readAll(session: LdapSession, template: ChooseTemplate): Promise<DirectoryListing> {
    const { people, marks } = this.#settings;
    const maker = await marks.begin(session);
    const entries = new Map<string, DirectoryEntry>();
    for await (const page of session.pages(this.#query(people.filter))) {
      for (const raw of page) {
        maker.see(raw);
        const entry = this.#decode(decodeEntry(raw, this.#settings.mapping), template);
        entries.set(entry.key, entry);
      }
      this.#checkCount(entries.size);
    }
    return withMark({ entries, isFull: true }, maker.end(undefined));
  }

  /** All keys, and the entries that have changed; undefined when that does not make a whole. */
  async #readChanges(
    session: LdapSession,
    before: DirectoryListing,
    template: ChooseTemplate,
  ): Promise<DirectoryListing | undefined> {
    const { people, marks, mapping } = this.#settings;
    const maker = await marks.begin(session);
    const since = before.mark === undefined ? undefined : maker.since(before.mark);
    if (since === undefined) return undefined;
    const names = await this.#readKeys(session);
    const changed = new Map<string, DirectoryEntry>();
    for await (const page of session.pages(this.#query(`(&${people.filter}${since})`))) {
      for (const raw of page) {
        maker.see(raw);
        const entry = this.#decode(decodeEntry(raw, mapping), template);
        changed.set(entry.key, entry);
      }
    }
    const entries = new Map<string, DirectoryEntry>();
    for (const [key, name] of names) {
      const known = before.entries.get(key);
      const entry = changed.get(key) ?? (known && this.#decode({ ...known, name }, template));
      if (!entry) return undefined; // came into sight without a change of its own
      entries.set(key, entry);
    }
    // Those who have come between the two searches.
    for (const [key, entry] of changed) entries.set(key, entry);
    return withMark({ entries, isFull: false }, maker.end(before.mark));
  }

  async #readKeys(session: LdapSession): Promise<ReadonlyMap<string, string>> {
    const { people, mapping } = this.#settings;
    const names = new Map<string, string>();
    const query = { ...this.#query(people.filter), attributes: [mapping.key] };
    for await (const page of session.pages(query)) {
      for (const raw of page) {
        const entry = this.#known(decodeEntry(raw, mapping));
        names.set(entry.key, entry.name);
      }
      this.#checkCount(names.size);
    }
    return names;
  }

  #query(filter: string): LdapQuery {
    const { people, mapping, marks } = this.#settings;
    const { key, jid, mailbox, principal, language } = mapping;
    const patterns = [jid, mailbox, language, ...(principal ? [principal] : [])];
    const attributes = new Set([key, marks.attribute, ...patterns.flatMap((pattern) => pattern.attributes)]);
    const binary = key === "objectGUID" ? [key] : [];
    return { base: people.base, scope: "sub", filter, attributes: [...attributes], binary };
  }

  #decode(decoded: DirectoryEntry | undefined, choose: ChooseTemplate): DirectoryEntry {
    const { template: _, ...entry } = this.#known(decoded);
    const template = choose(entry);
    return template === undefined ? entry : { ...entry, template };
  }

  /** Who has no key would seem to be somebody else each time. */
  #known(entry: DirectoryEntry | undefined): DirectoryEntry {
    const { host, mapping } = this.#settings;
    if (entry) return entry;
    throw ldapError("ldap-forbidden", `${host}: there are people whose ${mapping.key} may not be read`);
  }

  #checkCount(count: number): void {
    if (count > MOST_ENTRIES)
      throw ldapError(
        "ldap-incomplete",
        `${this.#settings.host}: there are more than ${MOST_ENTRIES} people below the base`,
      );
  }
}

const withMark = (listing: Omit<DirectoryListing, "mark">, mark: string | undefined): DirectoryListing =>
  mark === undefined ? listing : { ...listing, mark };
