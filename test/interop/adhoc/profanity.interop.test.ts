import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findMissing, startProfanity } from "../../lab/profanity.ts";
import { mustSucceed } from "../../lab/site.ts";
import type { Terminal } from "../../lab/terminal.ts";
import { installedServers } from "../../lab/xmpp-server.ts";
import { type AdhocStage, COMPONENT, HOST, startStage } from "./stage.ts";

const missing = findMissing();
if (missing) console.log(`skipped: ${missing} is not installed (apt-get install profanity tmux)`);

describe.skipIf(missing !== undefined).each(installedServers())(
  "commands from a real Profanity on a real %s",
  (server) => {
    let stage: AdhocStage;
    let client: Terminal;
    const execute = (node: string): Promise<void> => client.type(`/cmd exec ${node} ${COMPONENT.jid}`);

    beforeAll(async () => {
      stage = await startStage(server);
      await stage.addGateway();
      client = await startProfanity({ jid: `carol@${HOST}`, password: "carol", port: stage.port });
    });
    afterAll(async () => {
      await client?.close();
      await stage?.close();
    });

    it("lists them", async () => {
      await client.type(`/cmd list ${COMPONENT.jid}`);
      await client.waitFor(/user-enable/);
    });

    it("shows a table", async () => {
      await execute("user-list");
      await client.waitFor(/Form title: user list/);
      await client.type("/form submit");
      await client.waitFor(/alice@example\.test: mailbox: alice@example\.test; gateway: hq/);
    });

    it("enables a user by a form", async () => {
      await execute("user-enable");
      await client.waitFor(/\[field1\] jid: The user's bare JID \(required\)/);
      await client.type(`/field1 bob@${HOST}`);
      await client.type("/form submit");
      await client.waitFor(/user-enable completed/);
      expect(await mustSucceed(stage.gateway, "user list")).toContain(`bob@${HOST}`);
    });

    it("shows a form again with what is wrong in it", async () => {
      await execute("refresh");
      await client.waitFor(/Form title: refresh/);
      await client.type(`/field1 nobody@${HOST}`);
      await client.type("/form submit");
      await client.waitFor(/Not done: nobody@example\.test is no user of the gateway/);
    });

    it("asks a secret without showing it, in the second of two forms", async () => {
      await execute("gateway-set");
      await client.waitFor(/Form title: gateway set/);
      await client.type("/field1 hq");
      await client.type("/form submit");
      const form = await client.waitFor(/\[field\d+\] password/);
      const field = /\[(field\d+)\] password/.exec(form)?.[1] ?? "";
      await client.type(`/${field} another s3cret`);
      expect(await client.waitFor(/Field updated/)).not.toContain("s3cret");
      await client.type("/form submit");
      await client.waitFor(/gateway-set completed/);
      expect(await mustSucceed(stage.gateway, "audit hq limit=1")).toContain("password=***");
    });

    it("tells of a long test by messages", async () => {
      await execute("gateway-test");
      await client.waitFor(/Form title: gateway test/);
      await client.type("/field1 hq");
      await client.type("/form submit");
      await client.waitFor(/gateway-test completed/);
      await client.type(`/msg ${COMPONENT.jid}`);
      await client.waitFor(/Test of hq/);
    });
  },
);
