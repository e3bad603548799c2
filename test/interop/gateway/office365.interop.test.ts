import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import type { JabberClient } from "../../lab/jabber-client.ts";
import type { Office365Company } from "../../lab/office365.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { isInMeeting, isPlainlyAvailable } from "../../lab/stage.ts";
import { installedServers } from "../../lab/xmpp-server.ts";

describe.each(installedServers())("the gateway with Exchange and Office 365 on a real %s", (server) => {
  let site: Site;
  let branch: Office365Company;
  let bob: JabberClient;
  let carol: JabberClient;

  beforeAll(async () => {
    site = await startSite({ server, office365: ["carol"], rosters: [["carol", "bob"]] });
    if (!site.office365) throw new Error("the second company did not start");
    branch = site.office365;
    await site.open([]);
    await mustSucceed(site.gateway, `gateway add branch ${branch.options}`);
    const enable = `user enable carol@${site.domain} mailbox=carol@${branch.domain} gateway=branch`;
    await mustSucceed(site.gateway, enable);
    bob = await site.connect("bob");
    await bob.sendPresence();
    carol = await site.connect("carol");
    await carol.sendPresence();
    await branch.untilWatched(1);
  });
  afterAll(() => site.close());

  const view = () => bob.view(carol.bareJid);
  const hours = 3_600_000;

  it("[K5] shows an ad hoc meeting of Office 365 when it is told of, and its deletion", async () => {
    const now = Date.now();
    const remove = branch.book("carol", { start: now - 60_000, end: now + hours, status: "busy" });
    await bob.waitFor(() => isInMeeting(view()), "carol in a meeting");
    remove();
    await bob.waitFor(() => isPlainlyAvailable(view()), "carol available");
  });

  it("[G10] tests the tenant step by step, and never shows the secret", async () => {
    const user = `carol@${branch.domain}`;
    const tested = await mustSucceed(site.gateway, `gateway test branch user=${user}`);
    for (const step of ["DNS", "TCP", "TLS", "token", "permission", "mailbox", "availability"])
      expect(tested).toMatch(new RegExp(`ok: ${step}`));
    const shown = await mustSucceed(site.gateway, "gateway show branch");
    expect(shown).toContain("notified by webhook for 1 of 1 mailboxes");
    expect(`${tested}${shown}`).not.toContain("simulated cloud only");
  });

  it("[G10] reads a certificate that was renewed when the option is set again, and says what is wrong before", async () => {
    const authority = createTlsAuthority();
    const file = join(site.directory, "office365.pem");
    const renew = (): void => {
      const { cert, key } = authority.issue({ names: ["presence-gateway"] });
      writeFileSync(file, `${cert}\n${key}`, { mode: 0o600 });
      branch.application.certificates = [cert];
    };
    renew();
    await mustSucceed(site.gateway, `gateway set branch certificate=${file} secret=`);
    await mustSucceed(site.gateway, "gateway test branch");
    renew();
    expect((await site.gateway.command("gateway test branch")).text).toContain("(entra-wrong-certificate)");
    await mustSucceed(site.gateway, `gateway set branch certificate=${file}`);
    await mustSucceed(site.gateway, "gateway test branch");
  });

  it("keeps a meeting that both calendars have while the user moves to Exchange", async () => {
    const mailbox = site.exchange.addMailbox(`carol@${branch.domain}`);
    const meeting = { start: Date.now() - 60_000, end: Date.now() + hours, status: "busy" } as const;
    const id = mailbox.addMeeting(meeting);
    const remove = branch.book("carol", meeting);
    await bob.waitFor(() => isInMeeting(view()), "carol in a meeting");
    const before = bob.seen.length;
    const reads = () => site.exchange.stats.requestsOf("GetUserAvailability");
    const readBefore = reads();
    await mustSucceed(site.gateway, `user set carol@${site.domain} gateway=hq`);
    await expect.poll(reads, { timeout: 20_000 }).toBeGreaterThan(readBefore);
    remove();
    await expect.poll(() => site.exchange.stats.streamingConnections, { timeout: 20_000 }).toBe(1);
    await bob.settle();
    expect(bob.seen.slice(before)).toEqual([]);
    mailbox.removeMeeting(id);
    await bob.waitFor(() => isPlainlyAvailable(view()), "carol available");
  });
});
