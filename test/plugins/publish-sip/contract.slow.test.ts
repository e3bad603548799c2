import { parsePresentityId } from "../../../src/core/addresses.ts";
import { describePresencePublisher } from "../../contract/presence-publisher.ts";
import { untilTrue } from "../shared-sip/until-true.ts";
import { aorOf } from "./publications.ts";
import { SipScene } from "./scenario.ts";

describePresencePublisher("sip", async () => {
  const scene = await SipScene.start({ unknown: [aorOf("nobody")] });
  let seen = 0;
  return {
    user: parsePresentityId("alice@example.com"),
    unknown: parsePresentityId("nobody@example.com"),
    createPublisher: () => {
      const publisher = scene.create();
      // The engine gives the address with each publication.
      const { publish, retract, stop } = publisher;
      const withSip = (each: Parameters<typeof publish>[0]) => ({
        ...each,
        sip: aorOf(each.presentity.slice(0, each.presentity.indexOf("@"))),
      });
      publisher.publish = (each, signal) => publish.call(publisher, withSip(each), signal);
      publisher.retract = (each, signal) => retract.call(publisher, withSip(each), signal);
      // A stop waits for what is under way, and here time stands still.
      publisher.stop = async () => {
        const stopping = stop.call(publisher);
        await scene.runtime.clock.advance(2000);
        await stopping;
      };
      return publisher;
    },
    shown: () => JSON.stringify(scene.server.shown(aorOf("alice"))),
    hang: () => {
      seen = scene.server.seen.length;
      scene.server.isHanging = true;
    },
    untilHanging: () => untilTrue(() => scene.server.seen.length > seen),
    loseServer: () => scene.server.stop(),
    end: () => scene.end(),
  };
});
