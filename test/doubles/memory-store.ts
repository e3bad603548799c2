import type { PresentityId } from "../../src/core/addresses.ts";
import type { AutomaticRepliesState } from "../../src/core/automatic-replies.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import type { Override } from "../../src/core/compose.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { Channel } from "../../src/lib/channel.ts";
import type { Instant } from "../../src/lib/time.ts";
import type { Journal, JournalEntry, Publications } from "../../src/ports/journal.ts";
import {
  type AuditEntry,
  type CalendarName,
  type CalendarServer,
  type Holdings,
  NO_HOLDINGS,
  type Registry,
  type RegistryChange,
  type TimeZoneChoice,
  type User,
} from "../../src/ports/registry.ts";
import type { ReadImport, UserImport, UserImports } from "../../src/ports/user-imports.ts";

const byKey = <Value>(map: ReadonlyMap<string, Value>): readonly Value[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);

/** A registry in memory: what it is given it keeps as it is; every change goes to all watchers at once. */
export class MemoryRegistry implements Registry {
  readonly users = new Map<PresentityId, User>();
  readonly timeZones = new Map<PresentityId, TimeZoneChoice>();
  readonly optOuts = new Map<PresentityId, Instant>();
  readonly servers = new Map<string, CalendarServer>();
  readonly secrets = new Map<string, Readonly<Record<string, string>>>();
  readonly parameters = new Map<string, string>();
  readonly calendarNames = new Map<string, CalendarName>();
  /** Oldest first. */
  readonly audit: AuditEntry[] = [];
  readonly #watchers = new Set<Channel<RegistryChange>>();

  async listUsers(): Promise<readonly User[]> {
    return byKey(this.users).map((user) => this.#withChoices(user));
  }

  async findUser(presentity: PresentityId): Promise<User | undefined> {
    const user = this.users.get(presentity);
    return user && this.#withChoices(user);
  }

  async replaceUser(user: User): Promise<void> {
    this.users.set(user.presentity, user);
    this.#report({ kind: "user", presentity: user.presentity });
  }

  async replaceUsers(users: readonly User[], audit: readonly AuditEntry[]): Promise<void> {
    for (const user of users) await this.replaceUser(user);
    this.audit.push(...audit);
  }

  async replaceTimeZone(presentity: PresentityId, choice: TimeZoneChoice | undefined): Promise<void> {
    if (choice) this.timeZones.set(presentity, choice);
    else this.timeZones.delete(presentity);
    this.#report({ kind: "user", presentity });
  }

  async replaceOptOut(presentity: PresentityId, at: Instant | undefined): Promise<void> {
    if (at === undefined) this.optOuts.delete(presentity);
    else this.optOuts.set(presentity, at);
    this.#report({ kind: "user", presentity });
  }

  async listOptOuts(): Promise<ReadonlySet<PresentityId>> {
    return new Set(this.optOuts.keys());
  }

  /** Of the registry's own tables. */
  async countHoldings(presentity: PresentityId): Promise<Holdings> {
    return {
      ...NO_HOLDINGS,
      user: Number(this.users.has(presentity)),
      time_zone: Number(this.timeZones.has(presentity)),
      opt_out: Number(this.optOuts.has(presentity)),
      audit: this.audit.filter(({ subject }) => subject === presentity).length,
    };
  }

  #withChoices({ timeZone: _, optedOutAt: _at, ...user }: User): User {
    const timeZone = this.timeZones.get(user.presentity);
    const optedOutAt = this.optOuts.get(user.presentity);
    return { ...user, ...(timeZone && { timeZone }), ...(optedOutAt !== undefined && { optedOutAt }) };
  }

  async deleteUser(presentity: PresentityId): Promise<void> {
    if (this.users.delete(presentity)) this.#report({ kind: "user", presentity });
  }

  async listCalendarServers(): Promise<readonly CalendarServer[]> {
    return byKey(this.servers);
  }

  async findCalendarServer(name: string): Promise<CalendarServer | undefined> {
    return this.servers.get(name);
  }

  async replaceCalendarServer(
    server: CalendarServer,
    secrets: Readonly<Record<string, string | undefined>> = {},
  ): Promise<void> {
    const merged = Object.entries<string | undefined>({ ...this.secrets.get(server.name), ...secrets });
    const kept = merged.filter((entry): entry is [string, string] => entry[1] !== undefined);
    this.servers.set(server.name, server);
    this.secrets.set(server.name, Object.fromEntries(kept));
    this.#report({ kind: "calendar-server", name: server.name });
  }

  async deleteCalendarServer(name: string): Promise<void> {
    this.secrets.delete(name);
    if (this.servers.delete(name)) this.#report({ kind: "calendar-server", name });
  }

  async openSecrets(server: string): Promise<Readonly<Record<string, string>>> {
    return this.secrets.get(server) ?? {};
  }

  async listSecretNames(server: string): Promise<readonly string[]> {
    return Object.keys(this.secrets.get(server) ?? {}).sort();
  }

  async listParameters(): Promise<Readonly<Record<string, string>>> {
    return Object.fromEntries(this.parameters);
  }

  async replaceParameter(name: string, value: string | undefined): Promise<void> {
    if (value === undefined) this.parameters.delete(name);
    else this.parameters.set(name, value);
    this.#report({ kind: "parameter", name });
  }

  async listCalendarNames(): Promise<readonly CalendarName[]> {
    return byKey(this.calendarNames);
  }

  async replaceCalendarName(locale: string, name: string): Promise<void> {
    this.calendarNames.set(locale, { locale, name, source: "administrator" });
    this.#report({ kind: "calendar-name", locale });
  }

  async recordAudit(entry: AuditEntry): Promise<void> {
    this.audit.push(entry);
  }

  async listAudit(limit: number, subject?: string): Promise<readonly AuditEntry[]> {
    const lines = subject === undefined ? [...this.audit] : this.audit.filter((entry) => entry.subject === subject);
    return lines.reverse().slice(0, limit);
  }

  watch(signal: AbortSignal): AsyncIterable<RegistryChange> {
    const channel = new Channel<RegistryChange>();
    this.#watchers.add(channel);
    signal.addEventListener("abort", () => this.#watchers.delete(channel), { once: true });
    return channel.read(signal);
  }

  #report(change: RegistryChange): void {
    for (const watcher of this.#watchers) watcher.push(change);
  }
}

/** Lists of users in memory. */
export class MemoryUserImports implements UserImports {
  readonly #lists = new Map<number, UserImport & { readonly text: string }>();
  #last = 0;

  async keep(list: ReadImport): Promise<number> {
    this.#last++;
    this.#lists.set(this.#last, { ...list, id: this.#last });
    return this.#last;
  }

  async find(id: number): Promise<(UserImport & { readonly text: string }) | undefined> {
    return this.#lists.get(id);
  }

  async list(): Promise<readonly UserImport[]> {
    return [...this.#lists.values()].reverse();
  }

  async schedule(id: number, due: { readonly at: Instant; readonly by: string }): Promise<void> {
    const list = this.#lists.get(id);
    if (list) this.#lists.set(id, { ...list, due });
  }

  async recordApplied(id: number, applied: { readonly at: Instant; readonly outcome: string }): Promise<void> {
    const { due: _, ...list } = this.#lists.get(id) ?? {};
    if ("id" in list) this.#lists.set(id, { ...list, applied, text: "" });
  }

  async delete(id: number): Promise<void> {
    this.#lists.delete(id);
  }
}

/** A journal in memory: durable at once, for as long as the test lasts. */
export class MemoryJournal implements Journal {
  readonly #entries = new Map<PresentityId, JournalEntry>();

  load(): Iterable<JournalEntry> {
    return byKey(this.#entries);
  }

  find(presentity: PresentityId): JournalEntry | undefined {
    return this.#entries.get(presentity);
  }

  replaceBusyTime(presentity: PresentityId, intervals: readonly BusyInterval[], heardAt: Instant): void {
    this.#change(presentity, { calendar: { intervals, heardAt } });
  }

  recordHeard(presentity: PresentityId, heardAt: Instant): void {
    const intervals = this.find(presentity)?.calendar?.intervals ?? [];
    this.#change(presentity, { calendar: { intervals, heardAt } });
  }

  recordCalendarError(presentity: PresentityId, error: JournalEntry["calendarError"]): void {
    const { calendarError: _, ...rest } = this.#open(presentity);
    this.#entries.set(presentity, error ? { ...rest, calendarError: error } : rest);
  }

  replaceAutomaticReplies(presentity: PresentityId, state: AutomaticRepliesState | undefined): void {
    const { automaticReplies: _, ...rest } = this.#open(presentity);
    this.#entries.set(presentity, state ? { ...rest, automaticReplies: state } : rest);
  }

  replaceServer(presentity: PresentityId, server: string | undefined): void {
    const { server: _, ...rest } = this.#open(presentity);
    this.#entries.set(presentity, server === undefined ? rest : { ...rest, server });
  }

  replaceOverride(presentity: PresentityId, override: Override | undefined): void {
    const { override: _, ...rest } = this.#open(presentity);
    this.#entries.set(presentity, override ? { ...rest, override } : rest);
  }

  replaceClients(presentity: PresentityId, clients: readonly ClientPresence[]): void {
    this.#change(presentity, { clients });
  }

  recordComposition(
    presentity: PresentityId,
    { document, composedAt }: Parameters<Journal["recordComposition"]>[1],
    { published, outbox }: Publications,
  ): void {
    this.#change(presentity, { document, composedAt, published, outbox });
  }

  recordPublications(presentity: PresentityId, { published, outbox }: Publications): void {
    this.#change(presentity, { published, outbox });
  }

  deletePresentity(presentity: PresentityId): void {
    this.#entries.delete(presentity);
  }

  /** Nothing waits. */
  flush(): void {
    return;
  }

  #open(presentity: PresentityId): JournalEntry {
    return this.find(presentity) ?? { presentity, clients: [], published: [], outbox: [] };
  }

  #change(presentity: PresentityId, change: Partial<JournalEntry>): void {
    this.#entries.set(presentity, { ...this.#open(presentity), ...change });
  }
}
