import type { Mailbox, PresentityId } from "../core/addresses.ts";
import type { DirectoryStep, DirectoryUser, DirectoryUsers } from "../ports/directory-users.ts";
import { type AuditEntry, isSameUser, type RegistryChange } from "../ports/registry.ts";
import { prepareAudit } from "./audit.ts";
import type { StoreDatabase } from "./database.ts";
import { prepareOwnChoices } from "./own-choices.ts";
import type { SqliteRegistry } from "./sqlite-registry.ts";
import { prepareUsers } from "./users.ts";

type Columns = [
  presentity: PresentityId,
  directory: string,
  key: string,
  mailbox: Mailbox,
  gateway: string,
  locale: string | null,
];

/** Users of directories in SQLite; their changes go into the registry's log of changes. */
export class SqliteDirectoryUsers implements DirectoryUsers {
  readonly #database: StoreDatabase;
  readonly #registry: Pick<SqliteRegistry, "writeAll">;
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: StoreDatabase, registry: Pick<SqliteRegistry, "writeAll">) {
    this.#database = database;
    this.#registry = registry;
    this.#statements = prepareStatements(database);
  }

  async list(): Promise<readonly DirectoryUser[]> {
    return this.#database.read(() => this.#statements.list());
  }

  async find(presentity: PresentityId): Promise<DirectoryUser | undefined> {
    return this.#database.read(() => this.#statements.find(presentity));
  }

  async apply(
    steps: readonly DirectoryStep[],
    audit: (step: DirectoryStep) => AuditEntry,
  ): Promise<readonly DirectoryStep[]> {
    return this.#registry.writeAll((note: (change: RegistryChange) => void) =>
      steps.filter((step) => {
        if (!this.#take(step)) return false;
        this.#statements.audit.insert(audit(step));
        note({ kind: "user", presentity: presentityOf(step) });
        return true;
      }),
    );
  }

  /** False when somebody else was faster. */
  #take(step: DirectoryStep): boolean {
    const { users, choices, replace } = this.#statements;
    const now = users.find(presentityOf(step));
    const before = step.kind === "add" ? undefined : step.before;
    if (!(now && before ? isSameUser(now, before) : now === before)) return false;
    if (step.kind === "remove") {
      users.delete(step.before.presentity);
      return true;
    }
    users.replace(step.user);
    const { presentity, optedOutAt } = step.user;
    if (step.kind === "add" && optedOutAt !== undefined) choices.replaceOptOut(presentity, optedOutAt);
    replace(step.given);
    return true;
  }
}

const presentityOf = (step: DirectoryStep): PresentityId =>
  step.kind === "remove" ? step.before.presentity : step.user.presentity;

function prepareStatements(database: StoreDatabase) {
  const list = database
    .prepare<[], Columns>("SELECT presentity, directory, entry_key, mailbox, gateway, locale FROM directory_user")
    .raw();
  const find = database
    .prepare<[string], Columns>(
      "SELECT presentity, directory, entry_key, mailbox, gateway, locale FROM directory_user WHERE presentity = ?",
    )
    .raw();
  const replace = database.prepare<[string, string, string, string, string, string | null]>(`
    INSERT INTO directory_user (presentity, directory, entry_key, mailbox, gateway, locale)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET
      directory = excluded.directory, entry_key = excluded.entry_key, mailbox = excluded.mailbox,
      gateway = excluded.gateway, locale = excluded.locale`);
  return {
    users: prepareUsers(database),
    choices: prepareOwnChoices(database),
    audit: prepareAudit(database),
    list: (): readonly DirectoryUser[] => list.all().map(decode),
    find: (presentity: PresentityId): DirectoryUser | undefined => {
      const row = find.get(presentity);
      return row && decode(row);
    },
    replace: ({ presentity, directory, key, mailbox, gateway, locale }: DirectoryUser) =>
      replace.run(presentity, directory, key, mailbox, gateway, locale ?? null),
  };
}

const decode = ([presentity, directory, key, mailbox, gateway, locale]: Columns): DirectoryUser => ({
  presentity,
  directory,
  key,
  mailbox,
  gateway,
  ...(locale !== null && { locale }),
});
