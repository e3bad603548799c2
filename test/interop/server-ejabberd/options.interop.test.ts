import { describe, expect, it } from "vitest";
import { startEjabberd } from "../../lab/ejabberd.ts";
import { isMissing } from "../../lab/xmpp-server.ts";

const SETUP = {
  host: "example.test",
  component: { jid: "calendar.example.test", secret: "component-secret" },
  users: [],
};

describe.skipIf(isMissing("ejabberd"))("the module's options on a real ejabberd", () => {
  it.each([
    ["component", ""],
    ["grace", "soon"],
    ["max_overlay", -1],
    ["guard", "perhaps"],
    ["reserved_texts", "In Klausur"],
    ["component_name", "calendar.example.test"],
  ])("keep it from being loaded when %s is %j, with the reason in the log", async (name, value) => {
    const server = await startEjabberd(SETUP);
    const wrong = server.reconfigure({ module: { [name]: value } });
    await expect(wrong).rejects.toThrow("reload_config");
    expect(server.log()).toMatch(new RegExp(`${name}`));
    await server.stop();
  });
});
