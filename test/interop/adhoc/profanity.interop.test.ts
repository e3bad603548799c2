import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findMissing, type Profanity, startProfanity } from "../../lab/profanity.ts";
import { LAB_PASSWORD, mustSucceed, type Site, startSite } from "../../lab/site.ts";

const missing = findMissing();
if (missing) console.log(`skipped: ${missing} is not installed (apt-get install profanity tmux)`);

describe.skipIf(missing !== undefined)("commands from a real Profanity on a real Prosody", () => {
  let site: Site;
  let client: Profanity;
  const carol = () => `admin@${site.domain}`;
  const execute = (node: string): Promise<void> => client.type(`/cmd exec ${node} ${site.component}`);

  beforeAll(async () => {
    // Profanity lists commands only where the server has some itself.
    site = await startSite({ prosodyModules: ["adhoc"] });
    await site.open(["alice"]);
    client = await startProfanity({ jid: carol(), password: LAB_PASSWORD, port: site.server.c2sPort });
  });
  afterAll(async () => {
    await client?.close();
    await site?.close();
  });

  it("lists them", async () => {
    await client.type(`/cmd list ${site.component}`);
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
    await client.type(`/field1 bob@${site.domain}`);
    await client.type("/form submit");
    await client.waitFor(/user-enable completed/);
    expect(await mustSucceed(site.gateway, "user list")).toContain(`bob@${site.domain}`);
  });

  it("shows a form again with what is wrong in it", async () => {
    await execute("refresh");
    await client.waitFor(/Form title: refresh/);
    await client.type(`/field1 nobody@${site.domain}`);
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
    expect(await mustSucceed(site.gateway, "audit hq limit=1")).toContain("password=***");
  });

  it("tells of a long test by messages", async () => {
    await execute("gateway-test");
    await client.waitFor(/Form title: gateway test/);
    await client.type("/field1 hq");
    await client.type("/form submit");
    await client.waitFor(/gateway-test completed/);
    await client.type(`/msg ${site.component}`);
    await client.waitFor(/Test of hq/);
  });
});
