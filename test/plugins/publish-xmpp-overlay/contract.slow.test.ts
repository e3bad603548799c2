import publishXmppOverlay from "../../../plugins/publish-xmpp-overlay/index.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { readParameters } from "../../../src/ports/parameters.ts";
import { describePresencePublisher } from "../../contract/presence-publisher.ts";
import { createInboundContext } from "../../doubles/plugin-context.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { startScriptedSite } from "../xmpp-site.ts";

describePresencePublisher("xmpp-overlay", async () => {
  const site = await startScriptedSite({ moduleInstance: "first run" });
  return {
    user: parsePresentityId("alice@example.test"),
    unknown: parsePresentityId("nobody@example.test"),
    createPublisher: () =>
      publishXmppOverlay.create(
        {},
        {
          name: "xmpp-overlay",
          runtime: site.runtime,
          parameters: readParameters(() => ({})),
          xmpp: site.link,
          trust: createTestTrust(),
          ...createInboundContext(),
        },
      ),
    shown: () => JSON.stringify(site.overlayOf("alice@example.test")),
    hang: () => site.hang(),
    untilHanging: () => site.untilHanging(),
    loseServer: () => site.server.stop(),
    end: () => site.close(),
  };
});
