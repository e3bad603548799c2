import { isLoopback } from "../../../src/lib/host.ts";

/** Which servers may be sent the account's password during Autodiscover, decided before anything is sent. */

/** What the administrator allows. */
export interface HostRule {
  /** The configured EWS endpoint. */
  readonly server: URL;
  /** Autodiscover endpoint that was configured; undefined when it is looked for. */
  readonly endpoint: URL | undefined;
  /** Further hosts, lower case; `*.example.com` stands for all hosts below example.com. */
  readonly hosts: readonly string[];
}

const isIpAddress = (host: string): boolean => /^(\d{1,3}(\.\d{1,3}){3}|\[.*\])$/.test(host);

/**
 * The domain of a host: `example.com` of `mail.example.com`. Undefined where what is left may belong to many
 * organisations: a top level, or a second level that registries use (co.uk, com.au).
 */
export function domainOfHost(host: string): string | undefined {
  if (isIpAddress(host)) return undefined;
  const domain = host.slice(host.indexOf(".") + 1);
  const labels = domain.split(".");
  const [second = "", top = ""] = labels;
  const isRegistrys = labels.length === 2 && top.length === 2 && second.length <= 3;
  return host === domain || labels.length < 2 || isRegistrys ? undefined : domain;
}

const isBelow = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

/** True for URLs that may be sent the password: encrypted, and at a host of the configured server's domain or an allowed one. */
export function mayBeTold(url: URL, { server, endpoint, hosts }: HostRule): boolean {
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) return false;
  if (url.username !== "" || url.password !== "") return false;
  const host = url.hostname.toLowerCase().replace(/\.$/, "");
  if (host === server.hostname || host === endpoint?.hostname) return true;
  const domain = domainOfHost(server.hostname);
  if (domain !== undefined && isBelow(host, domain)) return true;
  return hosts.some((each) => (each.startsWith("*.") ? host.endsWith(each.slice(1)) : host === each));
}
