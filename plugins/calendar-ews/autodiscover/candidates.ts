/** Where Autodiscover may be for the mailboxes of a domain (MS-OXDISCO 3.1.5). */
import type { SrvRecord } from "node:dns";
import { Resolver } from "node:dns/promises";
import type { HostRule } from "./host-rule.ts";

/** Looks up SRV records; rejects when there are none, and soon after the signal aborts. */
export type ResolveSrv = (name: string, signal: AbortSignal) => Promise<readonly SrvRecord[]>;

/** Asks the machine's name servers, for at most ten seconds. */
export const resolveSrv: ResolveSrv = async (name, signal) => {
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  return resolver.resolveSrv(name).finally(() => signal.removeEventListener("abort", cancel));
};

// MS-OXDISCO 2.2.4: every endpoint is below this path, SOAP at .svc and plain XML at .xml.
const PATH = "/autodiscover/autodiscover.svc";
// A domain has one or two; who answers with hundreds shall not have them all asked.
const MOST_RECORDS = 4;

/** What candidates are found with. */
export interface CandidateDeps {
  readonly rule: HostRule;
  readonly resolveSrv: ResolveSrv;
}

/**
 * The endpoints to try, in order. The configured server comes first, in the place of the service connection points of
 * the directory, which only members of the Windows domain can read; the step over plain http is left out.
 */
export async function* candidateEndpoints(
  domain: string,
  { rule: { endpoint, server }, resolveSrv }: CandidateDeps,
  signal: AbortSignal,
): AsyncGenerator<URL, void> {
  if (endpoint) {
    yield endpoint;
    return;
  }
  yield new URL(PATH, server.origin);
  for (const host of [domain, `autodiscover.${domain}`]) yield* endpointAt(host, 443);
  const records = await resolveSrv(`_autodiscover._tcp.${domain}`, signal).catch(() => []);
  const sorted = [...records].sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  for (const { name, port } of sorted.slice(0, MOST_RECORDS)) yield* endpointAt(name, port);
}

function* endpointAt(host: string, port: number): Generator<URL, void> {
  const text = `https://${host}:${port}${PATH}`;
  if (URL.canParse(text)) yield new URL(text);
}
