import { SipClients } from "../../../plugins/clients-sip/sip-clients.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../../src/core/texts.ts";
import { seconds } from "../../../src/lib/time.ts";
import { describeClientPresenceSource } from "../../contract/client-presence-source.ts";
import { PresenceServer } from "../../doubles/sip/presence-server.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { ALICE, ALICE_SIP } from "./phones-stage.ts";

describeClientPresenceSource("sip", async () => {
  const runtime = createTestRuntime();
  const server = new PresenceServer(runtime.clock);
  const pass = () => runtime.clock.advance(seconds(2));
  return {
    user: ALICE,
    nameOf: (resource) => `sip:${resource}`,
    createSource: () => {
      const options = { events: ["presence"], perSecond: 100, reservedTexts: reservedTexts(TEXT_CATALOGUE) } as const;
      const source = new SipClients(options, async () => server.connect(), runtime);
      source.follow([{ presentity: ALICE, sip: ALICE_SIP }]);
      return source;
    },
    setAway: async (resource, note) => {
      await pass();
      server.publishPhone(ALICE_SIP, resource, { activities: "<rpid:away/>", note });
      await pass();
    },
    setOffline: async (resource) => {
      server.unpublish(ALICE_SIP, `phone-${resource}`);
      await pass();
    },
    reconnect: async () => {
      server.goAway();
      server.comeBack();
      await pass();
    },
    end: async () => undefined,
  };
});
