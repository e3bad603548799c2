import { withoutBrackets } from "../../lib/host.ts";
import type { Registry } from "../../ports/registry.ts";
import type { HttpProxy, TlsServer } from "../../ports/trust.ts";

/** The proxy of the first calendar server with that host and port; undefined where it is reached straight. */
export async function findProxy(registry: Registry, server: TlsServer): Promise<HttpProxy | undefined> {
  for (const { name, options } of await registry.listCalendarServers()) {
    const proxy = options["proxy"];
    if (proxy === undefined || !URL.canParse(proxy) || !isAt(options["url"] ?? "", server)) continue;
    const password = (await registry.openSecrets(name))["proxy-password"];
    return { url: new URL(proxy), user: options["proxy-user"], password };
  }
  return undefined;
}

const plainHost = (host: string): string => withoutBrackets(host.toLowerCase());

function isAt(text: string, { host, port }: TlsServer): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return plainHost(url.hostname) === plainHost(host) && Number(url.port || 443) === port;
}
