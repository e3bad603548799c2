import { resolveSrv as resolveSrvByDns } from "node:dns/promises";
import { isIP } from "node:net";
import { orAborted } from "../shared-http/or-aborted.ts";

/** How messages travel. */
export type SipTransportName = "udp" | "tcp" | "tls";

/** One server to be tried. */
export interface SipHop {
  readonly host: string;
  readonly port: number;
  /** What its certificate must be for: the name that was configured, never one that DNS said (RFC 5922 7). */
  readonly name: string;
}

/** One part of the option `server`. */
export interface ServerName {
  readonly host: string;
  /** Without one, SRV records are looked for. */
  readonly port: number | undefined;
}

/** Asks DNS for SRV records; as node:dns/promises. */
export type ResolveSrv = (
  name: string,
) => Promise<readonly { name: string; port: number; priority: number; weight: number }[]>;

const SERVICES = { udp: "_sip._udp", tcp: "_sip._tcp", tls: "_sips._tcp" } as const;
const PORTS = { udp: 5060, tcp: 5060, tls: 5061 } as const;
/** More servers than that are not tried. */
const MOST = 16;

/** Reads `host`, `host:port`, `[address]:port`, or several of them separated by commas; undefined when it is none. */
export function parseServerNames(text: string): readonly ServerName[] | undefined {
  const names: ServerName[] = [];
  for (const part of text.split(",")) {
    const match = /^(?:\[([0-9a-f:.]+)\]|([a-z\d](?:[a-z\d._-]*[a-z\d])?))(?::(\d{1,5}))?$/i.exec(part.trim());
    const port = match?.[3] === undefined ? undefined : Number(match[3]);
    if (!match || (port !== undefined && (port < 1 || port > 65_535))) return undefined;
    const [, address, host = ""] = match;
    if (address !== undefined && isIP(address) !== 6) return undefined;
    names.push({ host: (address ?? host).toLowerCase(), port });
  }
  return names.length > MOST ? undefined : names;
}

/** The servers to try, in order (RFC 3263 4.2): SRV where no port is given, by priority and weight; else the name itself. */
export async function locateServers(
  names: readonly ServerName[],
  transport: SipTransportName,
  { random, resolveSrv = resolveSrvByDns }: { random(): number; readonly resolveSrv?: ResolveSrv | undefined },
  signal: AbortSignal,
): Promise<readonly SipHop[]> {
  const hops: SipHop[] = [];
  for (const { host, port } of names) {
    const plain = { host, port: port ?? PORTS[transport], name: host };
    if (port !== undefined || isIP(host) !== 0) hops.push(plain);
    else {
      // No records, or no name server: the name itself may be one of /etc/hosts.
      const asked = resolveSrv(`${SERVICES[transport]}.${host}`).catch(() => []);
      const records = await orAborted(asked, signal);
      const ordered = orderRecords(records, random).map((each) => ({ host: each.name, port: each.port, name: host }));
      hops.push(...(ordered.length > 0 ? ordered : [plain]));
    }
  }
  return hops.slice(0, MOST);
}

/** RFC 2782: lower priorities first; of one priority the more often first the more weight it has. */
function orderRecords<Item extends { readonly priority: number; readonly weight: number }>(
  records: readonly Item[],
  random: () => number,
): readonly Item[] {
  return records
    .map((record) => ({ record, key: -Math.log(1 - random()) / Math.max(record.weight, 0.001) }))
    .sort((a, b) => a.record.priority - b.record.priority || a.key - b.key)
    .map(({ record }) => record);
}
