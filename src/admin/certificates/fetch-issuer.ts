import { lookup } from "node:dns/promises";
import { get } from "node:http";
import { BlockList, isIP } from "node:net";
import { withoutBrackets } from "../../lib/host.ts";
import { toGatewayError } from "../../ports/errors.ts";
import { certificateError } from "./certificate-errors.ts";
import type { FetchIssuer } from "./live-trust.ts";
import { parseCertificates } from "./parse-certificates.ts";

const LARGEST_ANSWER = 1_048_576; // bytes; PKCS#7
const LONGEST_FETCH = 5000; // milliseconds

/**
 * Fetches issuers' certificates (RFC 5280 4.2.2.1) by plain HTTP, which is harmless: they are verified before they count.
 * The address comes from a stranger's certificate, so without `private` only port 80 of public addresses is asked, at
 * the very address that was looked up, and no redirection is followed. Throws `certificate-fetch-refused`.
 */
export const createFetchIssuer =
  (reach: "public" | "private"): FetchIssuer =>
  async (urls, signal) => {
    const problems: string[] = [];
    for (const url of urls) {
      try {
        return parseCertificates(await fetchBytes(new URL(url), reach, signal));
      } catch (error) {
        signal.throwIfAborted();
        problems.push(`${url}: ${toGatewayError(error).message}`);
      }
    }
    throw certificateError("certificate-fetch-refused", problems.join("; "));
  };

async function fetchBytes(url: URL, reach: "public" | "private", signal: AbortSignal): Promise<Uint8Array> {
  const host = withoutBrackets(url.hostname);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_FETCH)]);
  const address = isIP(host) === 0 ? await findAddress(host, limited) : host;
  if (reach === "public" && (url.port !== "" || !isPublic(address))) {
    throw certificateError("certificate-fetch-refused", "only port 80 of public addresses is asked");
  }
  return request({ url, address }, limited);
}

/** The system's look-up cannot be cancelled: it is left behind. */
function findAddress(host: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    lookup(host).then(({ address }) => resolve(address), reject);
  });
}

function request(
  { url, address }: { readonly url: URL; readonly address: string },
  signal: AbortSignal,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const path = `${url.pathname}${url.search}`;
    const sent = get({ host: address, port: url.port || 80, path, headers: { host: url.host }, agent: false, signal });
    sent.once("error", reject);
    sent.once("response", (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      if (response.statusCode !== 200) sent.destroy(new Error(`HTTP ${response.statusCode}`));
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > LARGEST_ANSWER) sent.destroy(new Error("the answer has more than 1 MiB"));
        else chunks.push(chunk);
      });
      response.once("end", () => resolve(Buffer.concat(chunks)));
      response.once("error", reject);
    });
  });
}

/** IANA's special-purpose addresses, IPv4 then IPv6. */
const SPECIAL: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** Whether the address is one of the public Internet; of IPv6 only 2000::/3 without its tunnels to IPv4. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  const list = new BlockList();
  if (family === 4) {
    for (const [network, prefix] of SPECIAL) list.addSubnet(network, prefix, "ipv4");
    return !list.check(address, "ipv4");
  }
  if (family !== 6 || address.includes("%")) return false;
  list.addSubnet("2000::", 3, "ipv6");
  const tunnels = new BlockList();
  for (const [network, prefix] of [
    ["2001::", 23],
    ["2001:db8::", 32],
    ["2002::", 16],
  ] as const) {
    tunnels.addSubnet(network, prefix, "ipv6");
  }
  return list.check(address, "ipv6") && !tunnels.check(address, "ipv6");
}
