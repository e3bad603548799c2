import { missingPrograms, openTerminal, type Terminal } from "./terminal.ts";

/** Whose client it is, and where the server listens on 127.0.0.1. */
export interface ClientAccount {
  readonly jid: string;
  readonly password: string;
  readonly port: number;
}

/** What is missing on this machine; `undefined` when all is there. */
export const findMissing = (): string | undefined => missingPrograms(["profanity", "tmux"])[0];

/** Long lines of the client must not be cut. */
const SIZE = [200, 60] as const;

/** Starts the Profanity of Debian and resolves when it is logged in. */
export async function startProfanity(
  account: ClientAccount,
  size: readonly [number, number] = SIZE,
): Promise<Terminal> {
  const { jid, password, port } = account;
  const place = ["enabled=true", `jid=${jid}`, `password=${password}`, "server=127.0.0.1", `port=${port}`];
  const more = ["tls.policy=disable", "auth.policy=default", "resource=profanity", "presence.last=online"];
  const client = await openTerminal({
    program: "profanity",
    args: ["-a", jid],
    files: { "profanity/accounts": [`[${jid}]`, ...place, ...more, ""].join("\n") },
    size,
  });
  // What is typed before is lost.
  await client.waitFor(/logged in successfully/, 30_000).catch(async (error: unknown) => {
    await client.close();
    throw error;
  });
  return client;
}
