import { type Kamailio, startKamailio, whatKamailioLacks } from "./kamailio.ts";
import type { Screen } from "./screen.ts";
import { openSipClient, type SipClient, type SipWatcher } from "./sip-client.ts";
import { mustSucceed, type Site } from "./site.ts";

/** The SIP side of the demo: a presence server, bob's phone that watches alice, and alice's own. */
export interface SipStage {
  readonly kamailio: Kamailio;
  readonly aor: string;
  /** Alice's phone, which may publish anything. */
  readonly phone: SipClient;
  readonly watcher: SipWatcher;
}

/** A presence server for the demo; undefined, and said so, where there can be none. */
export async function startPresenceServer(domain: string, screen: Screen): Promise<Kamailio | undefined> {
  const lack = whatKamailioLacks();
  if (!lack) return startKamailio({ domain });
  screen.act(`without SIP: ${lack}`);
  return undefined;
}

/** Gives alice a SIP address, and lets a phone watch it. */
export async function watchBySip(kamailio: Kamailio, site: Site): Promise<SipStage> {
  const aor = `sip:alice@${site.domain}`;
  await mustSucceed(site.gateway, `user set alice@${site.domain} sip=${aor}`);
  const phone = await openSipClient({ port: kamailio.clientPort });
  return { kamailio, aor, phone, watcher: await phone.watch(aor) };
}

/** True for a document that says that its presentity is in a meeting. */
export const isMeeting = (document: string): boolean => document.includes("<rpid:meeting/>");

const word = (document: string, pattern: RegExp): string | undefined => pattern.exec(document)?.[1];

/** `open "In a meeting" (meeting, busy)`, as a phone would read it. */
export function describeDocument(document: string): string {
  if (!document.includes("<tuple")) return "unknown";
  const activities = [...document.matchAll(/<rpid:([a-z-]+)\/>/g)].map(([, name]) => name).join(", ");
  const note = word(document, /<note[^>]*>([^<]*)</);
  const basic = word(document, /<basic>(\w+)</) ?? "unknown";
  return [basic, note && `"${note}"`, activities && `(${activities})`].filter(Boolean).join(" ");
}

/** A document in which a phone claims a meeting. */
export const forgedDocument = (aor: string): string =>
  '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" ' +
  `xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${aor}"><tuple id="phone"><status><basic>open</basic></status></tuple>` +
  '<dm:person id="p"><rpid:activities><rpid:meeting/></rpid:activities></dm:person></presence>';
