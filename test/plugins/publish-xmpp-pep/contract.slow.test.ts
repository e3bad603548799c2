import publishXmppPep from "../../../plugins/publish-xmpp-pep/index.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { readParameters } from "../../../src/ports/parameters.ts";
import { describePresencePublisher } from "../../contract/presence-publisher.ts";
import { createInboundContext } from "../../doubles/plugin-context.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { startScriptedSite } from "../xmpp-site.ts";

describePresencePublisher("xmpp-pep", async () => {
  const site = await startScriptedSite();
  return {
    user: parsePresentityId("alice@example.test"),
    unknown: parsePresentityId("nobody@example.test"),
    createPublisher: () =>
      publishXmppPep.create(
        {},
        {
          name: "xmpp-pep",
          runtime: site.runtime,
          parameters: readParameters(() => ({})),
          xmpp: site.link,
          trust: createTestTrust(),
          ...createInboundContext(),
        },
      ),
    shown: () => JSON.stringify(site.activityOf("alice@example.test")),
    hang: () => site.hang(),
    untilHanging: () => site.untilHanging(),
    loseServer: () => site.server.stop(),
    end: () => site.close(),
  };
});
