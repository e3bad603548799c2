import publishXmppContact from "../../../plugins/publish-xmpp-contact/index.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { readParameters } from "../../../src/ports/parameters.ts";
import { elementsOf, type XmlElement } from "../../../src/ports/xml-element.ts";
import { describePresencePublisher } from "../../contract/presence-publisher.ts";
import { createInboundContext } from "../../doubles/plugin-context.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { startScriptedSite } from "../xmpp-site.ts";

const ALICE = parsePresentityId("alice@example.test");

/** What bob is shown, as name and content. */
const describeState = ({ attributes, children }: XmlElement): string =>
  attributes["type"] === "unavailable" ? "offline" : JSON.stringify(children);

describePresencePublisher("xmpp-contact", async () => {
  const site = await startScriptedSite();
  const inbound = createInboundContext();
  inbound.memory.put(`${ALICE} bob@example.test`, "");
  const isState = ({ name, attributes: { type } }: XmlElement): boolean =>
    name === "presence" && (type === undefined || type === "unavailable");
  return {
    user: ALICE,
    unknown: parsePresentityId("nobody@example.test"),
    createPublisher: () => {
      const publisher = publishXmppContact.create(
        { domains: ["example.test"], watchers: "own-domain" },
        {
          name: "xmpp-contact",
          runtime: site.runtime,
          parameters: readParameters(() => ({})),
          xmpp: site.link,
          trust: createTestTrust(),
          ...inbound,
        },
      );
      publisher.follow?.([{ presentity: ALICE }]);
      return publisher;
    },
    shown: () => {
      const last = site.server.stanzas.findLast(isState);
      return last ? describeState(last) : "nothing";
    },
    hang: () => site.hang(),
    untilHanging: () =>
      site.server.waitUntil(
        () => site.server.stanzas.some((each) => elementsOf(each).some(({ name }) => name === "ping")),
        "a ping that is not answered",
      ),
    loseServer: () => site.server.stop(),
    end: () => site.close(),
  };
});
