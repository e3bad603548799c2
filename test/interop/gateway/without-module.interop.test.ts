import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JabberClient } from "../../lab/jabber-client.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";

const MINUTE = 60_000;
const ALICE = "alice@example.test";

describe("the gateway on a Prosody without the server module", () => {
  let site: Site;
  let alice: JabberClient;
  let bob: JabberClient;
  const activity = () => bob.view(ALICE).activity?.specific;

  beforeAll(async () => {
    site = await startSite({ module: "none" });
    await site.open(["alice"]);
    bob = await site.connect("bob");
    await bob.sendPresence();
    alice = await site.connect("alice");
    await alice.sendPresence();
    await bob.waitFor((client) => client.view(ALICE).show === "available", "alice available");
  });
  afterAll(() => site.close());

  it("[M3] shows the meeting as activity and leaves show and status to the clients", async () => {
    const start = Date.now() - MINUTE;
    const mailbox = site.exchange.findMailbox(ALICE);
    const id = mailbox?.addMeeting({ start, end: start + 60 * MINUTE, status: "busy" }) ?? "";
    await bob.waitFor(() => activity() === "in_a_meeting", "the meeting as activity", 15_000);
    expect(bob.view(ALICE).show).toBe("available");
    mailbox?.removeMeeting(id);
    await bob.waitFor(() => activity() === undefined, "no meeting", 15_000);
  });

  it("[R1] overwrites a forged meeting at once and keeps a line in the audit", async () => {
    const forged = await alice.publishActivity({ general: "working", specific: "in_a_meeting" });
    expect(forged.type).toBe("result");
    await alice.settle();
    await bob.waitFor(() => activity() === undefined, "the forged meeting gone", 10_000);
    await expect.poll(() => mustSucceed(site.gateway, `audit ${ALICE}`), { timeout: 10_000 }).toContain("claim.forged");
  });

  it("says in status that the module is missing", async () => {
    expect(await mustSucceed(site.gateway, "status")).toMatch(/xmpp-overlay.*module/);
  });
});
