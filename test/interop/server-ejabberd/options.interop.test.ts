import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ejabberd, startEjabberd } from "../../lab/ejabberd.ts";
import { isMissing } from "../../lab/xmpp-server.ts";

describe.skipIf(isMissing("ejabberd"))("the module's options on a real ejabberd", () => {
  let server: Ejabberd;
  beforeAll(async () => {
    const component = { jid: "calendar.example.test", secret: "component-secret" };
    server = await startEjabberd({ host: "example.test", component, users: [], module: {} });
  });
  afterAll(() => server.stop());

  it.each([
    ["component", ""],
    ["grace", "soon"],
    ["max_overlay", -1],
    ["guard", "perhaps"],
    ["reserved_texts", "In Klausur"],
    ["component_name", "calendar.example.test"],
  ])("keep a configuration from being taken when %s is %j, and ejabberd says why", async (name, value) => {
    const wrong = server.reconfigure({ module: { [name]: value } });
    await expect(wrong).rejects.toThrow(new RegExp(`mod_presence_gateway.*${name}|${name}.*mod_presence_gateway`));
  });
});
