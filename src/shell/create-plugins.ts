import publishSip from "../../plugins/publish-sip/index.ts";
import type { ClientPresenceSource } from "../ports/client-presence-source.ts";
import type { PluginContext, PluginKind } from "../ports/plugin-definition.ts";
import type { PresencePublisher } from "../ports/presence-publisher.ts";
import type { LoadedConfig } from "./config-file.ts";
import { PLUGINS } from "./plugin-catalog.ts";

/** Makes what a plugin may use. */
export type ContextOf = (kind: PluginKind, name: string) => PluginContext;

/** A source of clients with its name. */
export interface NamedClientSource {
  readonly name: string;
  readonly source: ClientPresenceSource;
}

/** Every publisher that the configuration asks for, in the order in which they get what changes. */
export const createPublishers = ({ sip }: LoadedConfig, contextOf: ContextOf): readonly PresencePublisher[] => [
  ...PLUGINS.publish.map((each) => each.create(each.options.parse({}), contextOf("publish", each.name))),
  ...(sip ? [publishSip.create(publishSip.options.strip().parse(sip), contextOf("publish", publishSip.name))] : []),
];

/** Every source of clients that the configuration asks for. */
export function createClientSources(config: LoadedConfig, contextOf: ContextOf): readonly NamedClientSource[] {
  const options = { "watch-activity": config.xmpp["watch-activity"] };
  return PLUGINS.clients.map((each) => ({
    name: each.name,
    source: each.create(each.options.parse(options), contextOf("clients", each.name)),
  }));
}
