import { BlockList, isIPv4, isIPv6 } from "node:net";
import { notificationError } from "./notification-errors.ts";

/** Says of a sender's address whether it is among those that are taken from. */
export type SourceList = (address: string) => boolean;

/** An IPv4 address as it shows on a socket of both kinds (RFC 4291 2.5.5.2), in its usual form. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

const familyOf = (address: string): "ipv4" | "ipv6" | undefined => {
  if (isIPv4(address)) return "ipv4";
  return isIPv6(address) ? "ipv6" : undefined;
};

/** The list of addresses and CIDR blocks; an empty one has everybody. Throws GatewayError `notification-source-invalid`. */
export function parseSources(sources: readonly string[]): SourceList {
  if (sources.length === 0) return () => true;
  const list = new BlockList();
  for (const source of sources) addSource(list, source);
  return (address) => {
    const plain = plainAddress(address);
    const family = familyOf(plain);
    return family !== undefined && list.check(plain, family);
  };
}

function addSource(list: BlockList, source: string): void {
  const [, address = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(source.trim()) ?? [];
  const family = familyOf(address);
  const bits = family === "ipv4" ? 32 : 128;
  const length = Number(prefix ?? bits);
  if (!family || length > bits) {
    throw notificationError("notification-source-invalid", `${JSON.stringify(source)} is no source of notifications`);
  }
  list.addSubnet(address, length, family);
}
