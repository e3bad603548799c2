import clientsXmpp from "../../../plugins/clients-xmpp/index.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { readParameters } from "../../../src/ports/parameters.ts";
import { describeClientPresenceSource } from "../../contract/client-presence-source.ts";
import { createInboundContext } from "../../doubles/plugin-context.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { startScriptedSite } from "../xmpp-site.ts";

describeClientPresenceSource("xmpp", async () => {
  const site = await startScriptedSite();
  const online = new Map<string, string>();
  const tell = (resource: string, content: string, type = ""): string =>
    `<presence from='alice@example.test/${resource}' to='calendar.example.test' type='${type}'>${content}</presence>`;
  return {
    user: parsePresentityId("alice@example.test"),
    createSource: () =>
      clientsXmpp.create(clientsXmpp.options.parse({}), {
        name: "xmpp",
        runtime: site.runtime,
        parameters: readParameters(() => ({})),
        xmpp: site.link,
        trust: createTestTrust(),
        ...createInboundContext(),
      }),
    setAway: async (resource, note) => {
      online.set(resource, tell(resource, `<show>away</show><status>${note}</status>`));
      site.server.send(online.get(resource) ?? "");
    },
    setOffline: async (resource) => {
      online.delete(resource);
      site.server.send(tell(resource, "", "unavailable"));
    },
    reconnect: async () => {
      site.server.script.greeting = [...online.values()].join("");
      const before = site.server.handshakes;
      site.server.drop();
      for (let waited = 0; site.server.handshakes === before && waited < 100; waited++)
        await site.runtime.clock.advance(1000);
    },
    end: () => site.close(),
  };
});
