import type { Runtime } from "../ports/runtime.ts";
import { ComponentLink } from "../xmpp/component-link.ts";
import type { LoadedConfig } from "./config-file.ts";

/** The link that the configuration describes; it does not connect yet. */
export const createLink = (config: LoadedConfig, runtime: Runtime): ComponentLink =>
  new ComponentLink(
    {
      ...config.xmpp.service,
      domain: config.xmpp.component,
      secret: config.componentSecret,
      domains: config.xmpp.domains.map((domain) => ({ domain, actsBy: config.xmpp["acts-by"] })),
    },
    runtime,
  );
