import { expect, it } from "vitest";
import { startProsody } from "../../lab/prosody.ts";

it("the module says in Prosody's log what is wrong with its options", async () => {
  const prosody = await startProsody({
    host: "example.test",
    component: { jid: "calendar.example.test", secret: "component-secret" },
    users: [],
    module: false,
    modules: ["presence_gateway"],
  });
  expect(prosody.log()).toContain("presence_gateway_component must be the address of the gateway's component");
  await prosody.stop();
});
