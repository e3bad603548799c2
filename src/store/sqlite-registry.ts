import type { PresentityId } from "../core/addresses.ts";
import { type Instant, milliseconds } from "../lib/time.ts";
import type {
  AuditEntry,
  CalendarName,
  CalendarServer,
  Holdings,
  Registry,
  RegistryChange,
  TimeZoneChoice,
  User,
} from "../ports/registry.ts";
import type { Clock } from "../ports/runtime.ts";
import { prepareAudit } from "./audit.ts";
import { prepareCalendarSecrets, prepareCalendarServers } from "./calendar-servers.ts";
import type { StoreDatabase } from "./database.ts";
import { prepareHoldings } from "./holdings.ts";
import { prepareOwnChoices } from "./own-choices.ts";
import { prepareRegistryChanges } from "./registry-changes.ts";
import type { SecretBox } from "./secret-box.ts";
import { prepareCalendarNames, prepareParameters } from "./settings.ts";
import { prepareUsers } from "./users.ts";

/** How soon what another process changed is noticed. */
export const LOOK_INTERVAL = milliseconds(300);

/** What the registry works with. */
export interface RegistryDeps {
  readonly clock: Clock;
  readonly box: SecretBox;
}

/** The registry in SQLite. Every write is one transaction that also notes the change for whoever watches. */
export class SqliteRegistry implements Registry {
  readonly #database: StoreDatabase;
  readonly #clock: Clock;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #wakers = new Set<() => void>();

  constructor(database: StoreDatabase, { clock, box }: RegistryDeps) {
    this.#database = database;
    this.#clock = clock;
    this.#statements = prepareStatements(database, box);
  }

  async listUsers(): Promise<readonly User[]> {
    return this.#database.read(() => this.#statements.users.list());
  }

  async findUser(presentity: PresentityId): Promise<User | undefined> {
    return this.#database.query(() => this.#statements.users.find(presentity));
  }

  async replaceUser(user: User): Promise<void> {
    this.write({ kind: "user", presentity: user.presentity }, () => this.#statements.users.replace(user));
  }

  async replaceUsers(users: readonly User[], audit: readonly AuditEntry[]): Promise<void> {
    const statements = this.#statements;
    const changes = users.map(({ presentity }) => ({ kind: "user", presentity }) as const);
    this.#write(changes, () => {
      for (const user of users) statements.users.replace(user);
      for (const entry of audit) statements.audit.insert(entry);
    });
  }

  async deleteUser(presentity: PresentityId): Promise<void> {
    this.write({ kind: "user", presentity }, () => this.#statements.users.delete(presentity));
  }

  async replaceTimeZone(presentity: PresentityId, choice: TimeZoneChoice | undefined): Promise<void> {
    this.write({ kind: "user", presentity }, () => this.#statements.choices.replaceTimeZone(presentity, choice));
  }

  async replaceOptOut(presentity: PresentityId, at: Instant | undefined): Promise<void> {
    this.write({ kind: "user", presentity }, () => this.#statements.choices.replaceOptOut(presentity, at));
  }

  async listOptOuts(): Promise<ReadonlySet<PresentityId>> {
    return this.#database.read(() => this.#statements.choices.listOptOuts());
  }

  async countHoldings(presentity: PresentityId): Promise<Holdings> {
    return this.#database.read(() => this.#statements.countHoldings(presentity));
  }

  async listCalendarServers(): Promise<readonly CalendarServer[]> {
    return this.#database.read(() => this.#statements.servers.list());
  }

  async findCalendarServer(name: string): Promise<CalendarServer | undefined> {
    return this.#database.read(() => this.#statements.servers.find(name));
  }

  async replaceCalendarServer(
    server: CalendarServer,
    newSecrets: Readonly<Record<string, string | undefined>> = {},
  ): Promise<void> {
    const { servers, secrets } = this.#statements;
    this.write({ kind: "calendar-server", name: server.name }, () => {
      servers.replace(server);
      for (const [name, secret] of Object.entries(newSecrets)) {
        if (secret === undefined) secrets.delete(server.name, name);
        else secrets.replace(server.name, name, secret);
      }
    });
  }

  async deleteCalendarServer(name: string): Promise<void> {
    this.write({ kind: "calendar-server", name }, () => this.#statements.servers.delete(name));
  }

  async openSecrets(server: string): Promise<Readonly<Record<string, string>>> {
    return this.#database.read(() => this.#statements.secrets.open(server));
  }

  async listSecretNames(server: string): Promise<readonly string[]> {
    return this.#database.read(() => this.#statements.secrets.listNames(server));
  }

  async listParameters(): Promise<Readonly<Record<string, string>>> {
    return this.#database.read(() => this.#statements.parameters.list());
  }

  async replaceParameter(name: string, value: string | undefined): Promise<void> {
    const { parameters } = this.#statements;
    this.write({ kind: "parameter", name }, () =>
      value === undefined ? parameters.delete(name) : parameters.replace(name, value),
    );
  }

  async listCalendarNames(): Promise<readonly CalendarName[]> {
    return this.#database.read(() => this.#statements.calendarNames.list());
  }

  async replaceCalendarName(locale: string, name: string): Promise<void> {
    this.write({ kind: "calendar-name", locale }, () => this.#statements.calendarNames.replace(locale, name));
  }

  async recordAudit(entry: AuditEntry): Promise<void> {
    this.#database.write(() => this.#statements.audit.insert(entry));
  }

  async listAudit(limit: number, subject?: string): Promise<readonly AuditEntry[]> {
    return this.#database.read(() => this.#statements.audit.list(limit, subject));
  }

  /** Begins with the call, not with the first look; rejects with the signal's reason when it aborts. */
  watch(signal: AbortSignal): AsyncIterable<RegistryChange> {
    return this.#changesAfter(
      this.#database.read(() => this.#statements.changes.lastId()),
      signal,
    );
  }

  async *#changesAfter(start: number, signal: AbortSignal): AsyncGenerator<RegistryChange> {
    for (let last = start; ; ) {
      signal.throwIfAborted();
      const changes = this.#database.read(() => this.#statements.changes.listAfter(last));
      for (const { id, change } of changes) {
        last = id;
        yield change;
      }
      if (changes.length === 0) await this.#nextLook(signal);
    }
  }

  /** Resolves after the look interval, or at once when this process changes something or the signal aborts. */
  async #nextLook(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const wake = (): void => stop.abort();
    this.#wakers.add(wake);
    try {
      await this.#clock.sleep(LOOK_INTERVAL, AbortSignal.any([signal, stop.signal])).catch(() => undefined);
    } finally {
      this.#wakers.delete(wake);
    }
  }

  /** Runs `work` and notes the change, in one transaction. */
  write(change: RegistryChange, work: () => unknown): void {
    this.#write([change], work);
  }

  #write(changes: readonly RegistryChange[], work: () => unknown): void {
    this.#database.write(() => {
      work();
      for (const change of changes) this.#statements.changes.insert(change);
    });
    for (const wake of this.#wakers) wake();
  }

  /** Runs `work`, which notes each change that it makes, in one transaction. */
  writeAll<Result>(work: (note: (change: RegistryChange) => void) => Result): Result {
    const result = this.#database.write(() => work((change) => this.#statements.changes.insert(change)));
    for (const wake of this.#wakers) wake();
    return result;
  }
}

const prepareStatements = (database: StoreDatabase, box: SecretBox) => ({
  users: prepareUsers(database),
  choices: prepareOwnChoices(database),
  countHoldings: prepareHoldings(database),
  servers: prepareCalendarServers(database),
  secrets: prepareCalendarSecrets(database, box),
  parameters: prepareParameters(database),
  calendarNames: prepareCalendarNames(database),
  audit: prepareAudit(database),
  changes: prepareRegistryChanges(database),
});
