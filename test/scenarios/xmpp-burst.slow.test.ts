import { afterEach, describe, expect, it } from "vitest";
import { meeting, TableCalendar } from "../engine/engine-lab.ts";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";
import { isPublication } from "./xmpp-world.ts";

describe("in a burst, the gateway", () => {
  let whole: WholeGateway;
  afterEach(() => whole.close());

  for (const survives of [true, false]) {
    const which = survives ? "whose connection breaks" : "that is restarted";
    it(`loses none of 1000 changes to a server ${which} in the middle of them`, async () => {
      const calendar = new TableCalendar();
      const users = Array.from({ length: 1000 }, (_, index) => `user${index}`);
      for (const user of users) calendar.set(`${user}@example.test`, [meeting(1, 60)]);
      whole = await startWholeGateway({ calendar });
      await whole.enable(...users);
      expect(whole.xmpp.publications).toBe(0);
      let left = 700;
      whole.xmpp.intercept = (stanza) => {
        if (!isPublication(stanza) || left-- !== 0) return undefined;
        if (!survives) whole.xmpp.beginAnotherRun("run-2");
        whole.xmpp.server.drop();
        return "";
      };
      await whole.passUntil(
        () => users.every((user) => whole.xmpp.view(user) === "dnd|in_a_meeting"),
        "everybody's meeting",
        90,
      );
      const published = whole.xmpp.publications;
      await whole.pass(60);
      expect([whole.xmpp.publications - published, whole.logged("xmpp.disconnected")]).toEqual([0, 1]);
    });
  }
});
