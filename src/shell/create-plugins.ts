import clientsSip from "../../plugins/clients-sip/index.ts";
import publishSip from "../../plugins/publish-sip/index.ts";
import publishXmppContact from "../../plugins/publish-xmpp-contact/index.ts";
import type { ClientPresenceSource } from "../ports/client-presence-source.ts";
import type { PluginContext, PluginKind } from "../ports/plugin-definition.ts";
import type { PresencePublisher } from "../ports/presence-publisher.ts";
import type { LoadedConfig } from "./config-file.ts";
import { PLUGINS } from "./plugin-catalog.ts";
import type { LoadedSip } from "./sip-section.ts";

/** Makes what a plugin may use. */
export type ContextOf = (kind: PluginKind, name: string) => PluginContext;

/** A source of clients with its name. */
export interface NamedClientSource {
  readonly name: string;
  readonly source: ClientPresenceSource;
}

/** Every publisher that the configuration asks for, in the order in which they get what changes. */
export const createPublishers = (config: LoadedConfig, contextOf: ContextOf): readonly PresencePublisher[] => [
  ...PLUGINS.publish.map((each) => each.create(each.options.parse({}), contextOf("publish", each.name))),
  ...createContacts(config, contextOf),
  ...(config.sip
    ? [publishSip.create(publishSip.options.strip().parse(config.sip), contextOf("publish", publishSip.name))]
    : []),
];

/** Contact JIDs, where a domain has them, or had them: whoever subscribed is told that there are none any more. */
function createContacts({ xmpp }: LoadedConfig, contextOf: ContextOf): readonly PresencePublisher[] {
  const { name, options, create } = publishXmppContact;
  const context = contextOf("publish", name);
  const domains = xmpp["contact-domains"];
  if (domains.length === 0 && context.memory.load().size === 0) return [];
  return [create(options.parse({ domains, watchers: xmpp["contact-watchers"] }), context)];
}

/** Every source of clients that the configuration asks for. */
export const createClientSources = (config: LoadedConfig, contextOf: ContextOf): readonly NamedClientSource[] => [
  ...PLUGINS.clients.map((each) => {
    const options = each.options.parse({ "watch-activity": config.xmpp["watch-activity"] });
    return { name: each.name, source: each.create(options, contextOf("clients", each.name)) };
  }),
  ...(config.sip && config.sip.phones !== "off" ? [createPhones(config.sip, contextOf)] : []),
];

function createPhones(sip: LoadedSip, contextOf: ContextOf): NamedClientSource {
  const { name, options, create } = clientsSip;
  return { name, source: create(options.strip().parse(sip), contextOf("clients", name)) };
}
