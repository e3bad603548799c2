import { withoutBrackets } from "../../src/lib/host.ts";

/** Where the directory is. */
export interface LdapServer {
  readonly host: string;
  readonly port: number;
  /** From the first byte on (`ldaps`), from the StartTLS operation on, or not at all. */
  readonly tls: "ldaps" | "start-tls" | "none";
}

/** `ldap://host:port` or `ldaps://host:port`, with the ports of RFC 4511 5.2.1 and of custom; undefined when it is neither. */
export function parseServer(url: string, isStartTls: boolean): LdapServer | undefined {
  const match = /^(ldaps?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?\/?$/i.exec(url.trim());
  const [, scheme = "", host = "", port] = match ?? [];
  if (!match || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) return undefined;
  const isLdaps = scheme.toLowerCase() === "ldaps";
  return {
    host: withoutBrackets(host),
    port: Number(port ?? (isLdaps ? 636 : 389)),
    tls: isLdaps ? "ldaps" : isStartTls ? "start-tls" : "none",
  };
}
