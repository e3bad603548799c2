import type { ClientAccount } from "./profanity.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** Starts the poezio of Debian, which refuses root, and resolves when it shows its roster. */
export async function startPoezio(account: ClientAccount, size: readonly [number, number]): Promise<Terminal> {
  const { jid, password, port } = account;
  const settings = {
    jid: `${jid}/poezio`,
    password,
    custom_host: "127.0.0.1",
    custom_port: port,
    force_encryption: false,
    plugins_autoload: "user_extras",
    use_log: false,
    info_win_height: 8,
    roster_sort: "jid",
    roster_group_sort: "name",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return openTerminal({
    program: "poezio",
    files: { "poezio/poezio.cfg": ["[Poezio]", ...lines, ""].join("\n") },
    size,
    asNobody: true,
  });
}
