import { Client } from "ldapts";
import type { z } from "zod";
import directoryLdap from "../../plugins/directory-ldap/index.ts";
import type { DirectorySource } from "../../src/ports/directory-source.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { createClock } from "../../src/shell/runtime.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { createContext } from "../plugins/calendar-ews/scenario.ts";
import { BASE, ROOT_DN, ROOT_PASSWORD, type Slapd } from "./slapd.ts";

/** Options of the plugin as the configuration would have them. */
export type LdapOptions = Partial<z.input<typeof directoryLdap.options>>;

/** A directory that reads from the slapd, by an unencrypted connection where nothing else is said. */
export function createLdapSource(
  { port }: Pick<Slapd, "port">,
  given: LdapOptions = {},
  runtime: Runtime = { ...createTestRuntime(), clock: createClock() },
): DirectorySource {
  const options = directoryLdap.options.parse({
    kind: "openldap",
    url: `ldap://localhost:${port}`,
    "start-tls": false,
    "bind-dn": ROOT_DN,
    password: ROOT_PASSWORD,
    base: `ou=people,${BASE}`,
    ...given,
  });
  return directoryLdap.create(options, createContext(runtime));
}

/** Changes the directory as its administrator does. */
export async function administer(
  { port }: Pick<Slapd, "port">,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const client = new Client({ url: `ldap://127.0.0.1:${port}` });
  await client.bind(ROOT_DN, ROOT_PASSWORD);
  try {
    await work(client);
  } finally {
    await client.unbind();
  }
}
