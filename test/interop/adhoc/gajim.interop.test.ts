import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findMissingGajim, openGajim } from "../../lab/gajim/gajim.ts";
import { mustSucceed } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";
import { type AdhocStage, COMPONENT, HOST, startStage } from "./stage.ts";

const missing = findMissingGajim();
if (missing) console.log(`skipped: ${missing}`);

const SCRIPT = fileURLToPath(new URL("gajim-commands.py", import.meta.url));

describe.skipIf(missing !== undefined).each(installedServers())("commands from a real Gajim on a real %s", (server) => {
  let stage: AdhocStage;

  beforeAll(async () => {
    stage = await startStage(server);
    await stage.addGateway();
  });
  afterAll(() => stage?.close());

  /** What the windows showed, by step. */
  const execute = async (node: string, texts: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const account = { jid: `carol@${HOST}`, password: "carol", port: stage.port };
    const task = { jid: COMPONENT.jid, node, texts };
    const gajim = openGajim({ account, script: SCRIPT, task, size: [2400, 1400] });
    try {
      await gajim.ended;
      const steps = gajim.facts.map(({ texts: shown, picture = "" }): [string, string] => {
        expect(existsSync(picture), picture).toBe(true);
        return [basename(picture, ".png"), shown.join("\n")];
      });
      return new Map(steps);
    } finally {
      await gajim.close();
    }
  };

  it("are listed, ask by a form, and say what was done", async () => {
    const shown = await execute("user-enable", [`bob@${HOST}`]);
    expect(shown.get("list")).toContain("user enable: Shows a user's calendar state from now on");
    expect(shown.get("form")).toContain("jid: The user's bare JID");
    expect(shown.get("result")).toContain(`bob@${HOST} is enabled`);
    expect(await mustSucceed(stage.gateway, "user list")).toContain(`bob@${HOST}`);
  });

  it("show a table", async () => {
    const shown = await execute("user-list", []);
    expect(shown.get("result")).toContain(`mailbox: alice@${HOST}; gateway: hq`);
  });
});
