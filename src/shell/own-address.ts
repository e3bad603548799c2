import { lookup, lookupService } from "node:dns/promises";
import { isIPv6 } from "node:net";
import { hostname } from "node:os";
import { notificationError } from "./notification-errors.ts";

/** The host's full name, else its short one; rejects with `notification-address-unknown` when it has none that others know. */
export async function findOwnName(): Promise<string> {
  const name = hostname();
  if (name === "" || /^localhost(\.|$)/i.test(name)) {
    throw notificationError("notification-address-unknown", "this host has no name");
  }
  return name.includes(".") ? name : ((await findFullName(name)) ?? name);
}

async function findFullName(name: string): Promise<string | undefined> {
  try {
    const { address } = await lookup(name);
    const found = await lookupService(address, 0);
    return found.hostname.toLowerCase().startsWith(`${name.toLowerCase()}.`) ? found.hostname : undefined;
  } catch {
    return undefined; // there is no name service, or it does not know this host: the short name has to do
  }
}

/** Host and port as they stand in a URL. */
export const authority = (host: string, port: number): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`;
