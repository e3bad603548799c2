/** A host without the brackets that an IPv6 address has in a URL (RFC 3986 3.2.2). */
export const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, "");

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const LOOPBACK = new RegExp(
  `^(?:localhost|127(?:\\.${OCTET}){3}|(?:0{1,4}:){7}0{0,3}1|(?:(?:0{1,4}:){1,6}|:)(?::0{1,4}){0,5}:0{0,3}1)$`,
  "i",
);

/** True of a host that is this machine (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3), with brackets or without. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(withoutBrackets(host));
