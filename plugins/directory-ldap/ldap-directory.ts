import type { Entry } from "ldapts";
import type { Instant } from "../../src/lib/time.ts";
import type { DirectoryEntry, DirectoryListing, DirectorySource } from "../../src/ports/directory-source.ts";
import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { ChangeMarks } from "./change-mark.ts";
import { decodeEntry, type EntryMapping, firstValue } from "./decode-entry.ts";
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
        const entry = withTemplate(this.#decode(raw), template);
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
    const { people, marks } = this.#settings;
    const maker = await marks.begin(session);
    const since = before.mark === undefined ? undefined : maker.since(before.mark);
    if (since === undefined) return undefined;
    const present = await this.#readKeys(session);
    const changed = new Map<string, DirectoryEntry>();
    for await (const page of session.pages(this.#query(`(&${people.filter}${since})`))) {
      for (const raw of page) {
        maker.see(raw);
        const entry = withTemplate(this.#decode(raw), template);
        changed.set(entry.key, entry);
      }
    }
    const entries = new Map<string, DirectoryEntry>();
    for (const [key, { name, stamp }] of present) {
      const known = before.entries.get(key);
      const same = known?.stamp === stamp ? known : undefined;
      const entry = changed.get(key) ?? (same && withTemplate({ ...same, name }, template));
      // Came into sight without a change of its own, or was changed by a clock that had been set back, or from a backup.
      if (!entry) return undefined;
      entries.set(key, entry);
    }
    // Those who have come between the two searches.
    for (const [key, entry] of changed) entries.set(key, entry);
    return withMark({ entries, isFull: false }, maker.end(before.mark));
  }

  async #readKeys(session: LdapSession): Promise<ReadonlyMap<string, Pick<DirectoryEntry, "name" | "stamp">>> {
    const { people, mapping, marks } = this.#settings;
    const present = new Map<string, Pick<DirectoryEntry, "name" | "stamp">>();
    const query = { ...this.#query(people.filter), attributes: [mapping.key, marks.attribute] };
    for await (const page of session.pages(query)) {
      for (const raw of page) {
        const { key, name, stamp } = this.#decode(raw);
        present.set(key, { name, ...(stamp !== undefined && { stamp }) });
      }
      this.#checkCount(present.size);
    }
    return present;
  }

  #query(filter: string): LdapQuery {
    const { people, mapping, marks } = this.#settings;
    const { key, jid, mailbox, principal, language } = mapping;
    const patterns = [jid, mailbox, language, ...(principal ? [principal] : [])];
    const attributes = new Set([key, marks.attribute, ...patterns.flatMap((pattern) => pattern.attributes)]);
    const binary = key === "objectGUID" ? [key] : [];
    return { base: people.base, scope: "sub", filter, attributes: [...attributes], binary };
  }

  /** Without template. Who has no key would seem to be somebody else each time. */
  #decode(raw: Entry): DirectoryEntry {
    const { host, mapping, marks } = this.#settings;
    const entry = decodeEntry(raw, mapping);
    const stamp = firstValue(raw, marks.attribute);
    if (entry) return stamp === undefined ? entry : { ...entry, stamp };
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

function withTemplate({ template: _, ...entry }: DirectoryEntry, choose: ChooseTemplate): DirectoryEntry {
  const template = choose(entry);
  return template === undefined ? entry : { ...entry, template };
}

const withMark = (listing: Omit<DirectoryListing, "mark">, mark: string | undefined): DirectoryListing =>
  mark === undefined ? listing : { ...listing, mark };
