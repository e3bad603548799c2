import { isIP } from "node:net";
import { withoutBrackets } from "../../lib/host.ts";
import type { Finding } from "../../ports/trust.ts";
import type { CertificateDetails } from "./read-der.ts";

/** Whether a certificate is for a host. */
export type HostMatch =
  | { readonly name: string; readonly note?: Finding }
  /** Why not; both values stand in the text. */
  | { readonly finding: Finding };

/** Names that are matched: those of the subjectAltName, else the subject's common names. */
export const namesOf = ({ hasAltNames, dnsNames, ipAddresses, commonNames }: CertificateDetails): readonly string[] =>
  hasAltNames ? [...dnsNames, ...ipAddresses] : commonNames;

/**
 * Matches a host, as it stands in a URL, with a certificate's names (RFC 6125 6.4, RFC 2818 3.1): any case, `*` for the
 * whole of one leftmost label, IP addresses only exactly. The common name counts only where there is no subjectAltName.
 */
export function matchHost(host: string, details: CertificateDetails): HostMatch {
  const wanted = canonicalHost(host);
  const isAddress = isIP(wanted) !== 0;
  const names = namesOf(details);
  const candidates = !details.hasAltNames ? names : isAddress ? details.ipAddresses : details.dnsNames;
  const name = candidates.find((each) => isMatch(wanted, each, isAddress));
  if (name === undefined) return { finding: mismatch(wanted, names, details) };
  return details.hasAltNames ? { name } : { name, note: commonNameOnly(name) };
}

/** Lower case, without the brackets of an IPv6 address and the dot at the end; addresses in canonical form. */
function canonicalHost(host: string): string {
  const plain = withoutBrackets(host.toLowerCase()).replace(/\.$/, "");
  return isIP(plain) === 6 && URL.canParse(`http://[${plain}]`)
    ? new URL(`http://[${plain}]`).hostname.slice(1, -1)
    : plain;
}

const isMatch = (host: string, name: string, isAddress: boolean): boolean =>
  isAddress ? canonicalHost(name) === host : matchesDnsName(host, name);

function matchesDnsName(host: string, name: string): boolean {
  const pattern = name.toLowerCase();
  if (!isHostName(pattern)) return false;
  if (!pattern.startsWith("*.")) return pattern === host;
  // RFC 6125 7.2: a wildcard for all of a top-level domain is no name of a server.
  const isBroad = pattern.split(".").length < 3;
  return !isBroad && host.slice(host.indexOf(".")) === pattern.slice(1) && host.indexOf(".") > 0;
}

/** Letters, digits, hyphens, underscores; a star only as the whole first label. A name with a NUL in it is none. */
const isHostName = (name: string): boolean => /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(name);

function mismatch(host: string, names: readonly string[], details: CertificateDetails): Finding {
  const list = names.slice(0, 20).join(", ") || "no name at all";
  const both = `the server is named ${host} here, its certificate is for ${list}`;
  const ignored =
    details.hasAltNames && details.commonNames.some((name) => isMatch(host, name, isIP(host) !== 0))
      ? "; its common name fits, but does not count beside a list of names (RFC 6125)"
      : "";
  if (isIP(host) !== 0) {
    return { kind: "wrong-address", text: `${both}${ignored}. Use one of these names, or put the address into it` };
  }
  const deep = names.find((name) => name.startsWith("*.") && host.endsWith(name.slice(1).toLowerCase()));
  if (deep !== undefined) {
    return { kind: "wildcard-too-deep", text: `${both}${ignored}. The * of ${deep} stands for one label only` };
  }
  return { kind: "wrong-name", text: `${both}${ignored}. Use one of these names, or get a certificate for this one` };
}

const commonNameOnly = (name: string): Finding => ({
  kind: "common-name-only",
  exception: "common-name",
  text: `it has no subjectAltName, only the common name ${name}. Get one with a subjectAltName, or allow it by the exception common-name`,
});
