import { instant } from "../lib/time.ts";
import type { CalendarServer } from "../ports/registry.ts";
import type { StoreDatabase } from "./database.ts";
import type { SealContext, SecretBox } from "./secret-box.ts";

interface ServerRow {
  readonly name: string;
  readonly type: string;
  readonly options: string;
  readonly is_enabled: number;
  readonly description: string | null;
  readonly pool: string | null;
  readonly weight: number;
  readonly credentials_of: string | null;
  readonly successor: string | null;
  readonly retired_at: number | null;
  readonly retired_because: string | null;
}

interface SecretRow {
  readonly name: string;
  readonly sealed: Buffer;
}

function decodeServer({
  name,
  type,
  options,
  is_enabled,
  description,
  pool,
  weight,
  credentials_of,
  successor,
  retired_at,
  retired_because,
}: ServerRow): CalendarServer {
  const decoded: Readonly<Record<string, string>> = JSON.parse(options); // written by `replace` below
  return {
    name,
    type,
    options: decoded,
    isEnabled: is_enabled === 1,
    ...(description !== null && { description }),
    ...(pool !== null && { pool }),
    ...(weight !== 1 && { weight }),
    ...(credentials_of !== null && { credentialsOf: credentials_of }),
    ...(successor !== null && { successor }),
    ...(retired_at !== null && { retired: { at: instant(retired_at), because: retired_because ?? "" } }),
  };
}

/** The statements about calendar servers, prepared once. */
export function prepareCalendarServers(database: StoreDatabase) {
  const list = database.prepare<[], ServerRow>(
    "SELECT name, type, options, is_enabled, description, pool, weight, credentials_of, successor, retired_at, retired_because FROM calendar_server ORDER BY name",
  );
  const find = database.prepare<[string], ServerRow>(
    "SELECT name, type, options, is_enabled, description, pool, weight, credentials_of, successor, retired_at, retired_because FROM calendar_server WHERE name = ?",
  );
  const replace = database.prepare<[ServerRow]>(`
    INSERT INTO calendar_server (name, type, options, is_enabled, description, pool, weight, credentials_of, successor, retired_at, retired_because)
    VALUES (@name, @type, @options, @is_enabled, @description, @pool, @weight, @credentials_of, @successor, @retired_at, @retired_because)
    ON CONFLICT (name) DO UPDATE SET
      type = excluded.type, options = excluded.options, is_enabled = excluded.is_enabled, description = excluded.description, pool = excluded.pool,
      weight = excluded.weight, credentials_of = excluded.credentials_of, successor = excluded.successor,
      retired_at = excluded.retired_at, retired_because = excluded.retired_because`);
  const remove = database.prepare<[string]>("DELETE FROM calendar_server WHERE name = ?"); // its secrets go with it
  return {
    list: (): readonly CalendarServer[] => list.all().map(decodeServer),
    find: (name: string): CalendarServer | undefined => {
      const row = find.get(name);
      return row && decodeServer(row);
    },
    replace: ({ name, type, options, isEnabled, weight = 1, ...rest }: CalendarServer) =>
      replace.run({
        name,
        type,
        options: JSON.stringify(options),
        is_enabled: Number(isEnabled),
        description: rest.description ?? null,
        pool: rest.pool ?? null,
        weight,
        credentials_of: rest.credentialsOf ?? null,
        successor: rest.successor ?? null,
        retired_at: rest.retired?.at ?? null,
        retired_because: rest.retired?.because ?? null,
      }),
    delete: (name: string) => remove.run(name),
  };
}

const contextOf = (server: string, name: string): SealContext => ["calendar_secret", server, name];

/** The statements about calendar servers' secrets, which enter and leave the database sealed. */
export function prepareCalendarSecrets(database: StoreDatabase, box: SecretBox) {
  const list = database.prepare<[string], SecretRow>(
    "SELECT name, sealed FROM calendar_secret WHERE server = ? ORDER BY name",
  );
  const replace = database.prepare<[string, string, Buffer]>(`
    INSERT INTO calendar_secret (server, name, sealed) VALUES (?, ?, ?)
    ON CONFLICT (server, name) DO UPDATE SET sealed = excluded.sealed`);
  const remove = database.prepare<[string, string]>("DELETE FROM calendar_secret WHERE server = ? AND name = ?");
  return {
    listNames: (server: string): readonly string[] => list.all(server).map(({ name }) => name),
    open: (server: string): Readonly<Record<string, string>> =>
      Object.fromEntries(
        list.all(server).map(({ name, sealed }) => [name, box.open(sealed, contextOf(server, name))] as const),
      ),
    replace: (server: string, name: string, secret: string) =>
      replace.run(server, name, box.seal(secret, contextOf(server, name))),
    delete: (server: string, name: string) => remove.run(server, name),
  };
}
