import type { ClientAccount } from "./profanity.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** Starts the mcabber of Debian and resolves when it shows its roster. */
export async function startMcabber(account: ClientAccount, size: readonly [number, number]): Promise<Terminal> {
  const { jid, password, port } = account;
  const place = [`set jid = ${jid}`, `set password = ${password}`, "set server = 127.0.0.1", `set port = ${port}`];
  const more = ["set resource = mcabber", "set tls = 0", "set ssl_ignore_checks = 1", "set roster_width = 28"];
  const client = await openTerminal({
    program: "mcabber",
    files: { ".mcabber/mcabberrc": [...place, ...more, ""].join("\n") },
    size,
  });
  return client;
}
