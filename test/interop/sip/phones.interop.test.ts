import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Baresip, startBaresip, whatBaresipLacks } from "../../lab/baresip.ts";
import type { JabberClient } from "../../lab/jabber-client.ts";
import { type Kamailio, startKamailio, whatKamailioLacks } from "../../lab/kamailio.ts";
import { openSipClient, type SipClient, type SipWatcher } from "../../lab/sip-client.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { pidf } from "./pidf.ts";

const lack = whatKamailioLacks() ?? whatBaresipLacks();
if (lack) console.warn(`Skipped: ${lack}`);

const MINUTE = 60_000;
const ALICE = "sip:alice@example.test";

/** A call as phones publish it (RFC 4235). */
const call = (state: "confirmed" | "terminated"): string =>
  `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full" entity="${ALICE}">` +
  `<dialog id="call-1" direction="initiator"><state>${state}</state></dialog></dialog-info>`;

describe.skipIf(lack !== undefined)("phones on a real Kamailio", () => {
  let kamailio: Kamailio;
  let site: Site;
  let bob: JabberClient;
  let phone: SipClient;
  let watcher: SipWatcher;
  let baresip: Baresip | undefined;

  const brief = (): string => {
    const { show, status, activity } = bob.view("alice@example.test");
    return `${show}|${status}|${activity?.specific ?? ""}`;
  };
  const bobSees = (expected: string) =>
    bob.waitFor(() => brief() === expected, `alice as ${expected}, not ${brief()}`, 20_000);

  beforeAll(async () => {
    kamailio = await startKamailio({ domain: "example.test" });
    site = await startSite({ sip: { server: `127.0.0.1:${kamailio.gatewayPort}` } });
    await site.open(["alice"]);
    bob = await site.connect("bob");
    await bob.sendPresence();
    await (await site.connect("alice")).sendPresence();
    await mustSucceed(site.gateway, `user set alice@example.test sip=${ALICE}`);
    phone = await openSipClient({ port: kamailio.clientPort });
    watcher = await phone.watch(ALICE);
    await bobSees("available||");
  });
  afterAll(async () => {
    phone?.close();
    await site?.close();
    await kamailio?.stop();
  });
  afterEach(async () => {
    await baresip?.stop();
    baresip = undefined;
  });

  it("lets a phone's busy be seen by Jabber, and no longer when it is over", async () => {
    const busy = await phone.publish({ aor: ALICE, body: pidf({ activities: "<rpid:busy/>" }) });
    await bobSees("dnd||");
    const free = await phone.publish({ aor: ALICE, body: pidf({}), etag: busy.header("sip-etag") ?? "" });
    await bobSees("available||");
    await phone.publish({ aor: ALICE, etag: free.header("sip-etag") ?? "", expires: 0 });
  });

  it("lets a call be seen by Jabber, before a meeting, which comes back when it ends", async () => {
    const mailbox = site.exchange.findMailbox("alice@example.test");
    const meeting = mailbox?.addMeeting({ start: Date.now() - MINUTE, end: Date.now() + 30 * MINUTE, status: "busy" });
    await bobSees("dnd|In a meeting|in_a_meeting");
    const contentType = "application/dialog-info+xml";
    const event = "dialog";
    const talking = await phone.publish({ aor: ALICE, event, contentType, body: call("confirmed") });
    await bobSees("dnd|On the phone|on_the_phone");
    await watcher.waitFor((document) => document.includes("on-the-phone"), "on the phone");
    const etag = talking.header("sip-etag") ?? "";
    await phone.publish({ aor: ALICE, event, contentType, body: call("terminated"), etag });
    await bobSees("dnd|In a meeting|in_a_meeting");
    if (meeting) mailbox?.removeMeeting(meeting);
    await bobSees("available||");
  });

  it("hears baresip come and go, and leaves its presence beside ours", async () => {
    baresip = await startBaresip(ALICE, kamailio.clientPort);
    // It begins with "unknown", which is no statement; what is set before the answer to that, it does not send.
    await watcher.waitFor((document) => (document.match(/<tuple/g)?.length ?? 0) === 2, "with a phone");
    baresip.setPresence("online");
    await watcher.waitFor((document) => /<basic>open[\s\S]*<basic>open/.test(document), "with a phone that is there");
    const why = () => mustSucceed(site.gateway, "why alice@example.test");
    const clientsOf = (text: string): number => text.match(/^client: /gm)?.length ?? 0;
    await expect.poll(async () => clientsOf(await why()), { timeout: 15_000 }).toBeGreaterThan(1);
    await baresip.stop();
    await watcher.waitFor((document) => !/<basic>open[\s\S]*<basic>open/.test(document), "without a phone");
    await expect.poll(async () => clientsOf(await why()), { timeout: 15_000 }).toBe(1);
  });
});
