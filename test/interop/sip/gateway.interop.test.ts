import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../lab/free-ports.ts";
import { type Kamailio, startKamailio, whatKamailioLacks } from "../../lab/kamailio.ts";
import { openSipClient, type SipClient, type SipWatcher } from "../../lab/sip-client.ts";
import { watchMeetingWithSipp, whatSippLacks } from "../../lab/sipp-watcher.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";
import { pidf } from "./pidf.ts";

const lack = whatKamailioLacks() ?? whatSippLacks();
if (lack) console.warn(`Skipped: ${lack}`);

const MINUTE = 60_000;
const ALICE = "sip:alice@example.test";
const OTHER = "sip:4711@example.test";
const isInMeeting = (document: string): boolean => /<rpid:meeting\/>/.test(document);
const isOut = (document: string): boolean => document !== "" && !isInMeeting(document);

/** Each XMPP server and each kind of memory once. */
const STAGES = [
  ["memory", installedServers()[0]],
  ["sqlite", installedServers().at(-1)],
] as const;

describe.skipIf(lack !== undefined).each(STAGES)(
  "the gateway on a real Kamailio (%s), beside %s",
  (storage, server) => {
    let kamailio: Kamailio;
    let site: Site;
    let client: SipClient;
    let watcher: SipWatcher;
    const meetings: string[] = [];

    const mailbox = () => {
      const found = site.exchange.findMailbox("alice@example.test");
      if (!found) throw new Error("alice has no mailbox");
      return found;
    };
    const meet = (length: number): void => {
      const start = Date.now() - MINUTE;
      meetings.push(mailbox().addMeeting({ start, end: Date.now() + length, status: "busy" }));
    };
    /** What the gateway would know of its publications after a crash. */
    const remembered = (): string => {
      const store = new Sqlite(join(site.directory, "gateway.db"), { readonly: true });
      const rows = store
        .prepare("SELECT value FROM plugin_memory WHERE instance LIKE '%sip%' ORDER BY key")
        .raw()
        .all();
      store.close();
      return JSON.stringify(rows);
    };
    /** The same, once nothing more is on its way to the disk: that takes two seconds. */
    const settledMemory = async (): Promise<string> => {
      let last = "";
      const isSettled = (): boolean => {
        const before = last;
        last = remembered();
        return last === before;
      };
      await expect.poll(isSettled, { timeout: 20_000, interval: 2300 }).toBe(true);
      return last;
    };
    const clear = (): void => {
      for (const id of meetings.splice(0)) mailbox().removeMeeting(id);
    };

    beforeAll(async () => {
      kamailio = await startKamailio({ domain: "example.test", storage });
      site = await startSite({
        ...(server && { server }),
        sip: { server: `127.0.0.1:${kamailio.gatewayPort}`, transport: "tcp" },
      });
      await site.open(["alice"]);
      await (await site.connect("alice")).sendPresence();
      await mustSucceed(site.gateway, `user set alice@example.test sip=${ALICE}`);
      client = await openSipClient({ port: kamailio.clientPort });
      watcher = await client.watch(ALICE);
      await watcher.waitFor(isOut, "available");
    });
    afterAll(async () => {
      client?.close();
      await site?.close();
      await kamailio?.stop();
    });

    it("shows a sipp watcher the start and the end of a meeting", async () => {
      const place = { aor: ALICE, serverPort: kamailio.clientPort, localPort: await findFreePort() };
      const verdict = watchMeetingWithSipp(place, 50);
      meet(6000);
      await watcher.waitFor(isInMeeting, "in a meeting", 15_000);
      expect(watcher.documents.at(-1)).toMatch(/<rpid:busy\/>/);
      expect(watcher.documents.at(-1)).toContain("In a meeting");
      await watcher.waitFor(isOut, "out of the meeting", 20_000);
      expect(await verdict).toMatchObject({ code: 0 });
      clear();
    });

    it("keeps the meeting its own: a phone's is refused, its other states stand beside", async () => {
      const refused = await client.publish({ aor: ALICE, body: pidf({ activities: "<rpid:meeting/>" }) });
      expect(refused.status).toBe(403);
      const phone = await client.publish({ aor: ALICE, body: pidf({ activities: "<rpid:away/>" }) });
      await watcher.waitFor((document) => document.includes("away"), "away by phone");
      expect(watcher.documents.at(-1)).not.toContain("meeting");
      await client.publish({ aor: ALICE, etag: phone.header("sip-etag") ?? "", expires: 0 });
    });

    it("tells administrators how it stands", async () => {
      meet(30 * MINUTE);
      await watcher.waitFor(isInMeeting, "in a meeting", 15_000);
      const status = await mustSucceed(site.gateway, "sip status");
      expect(status).toMatch(/^SIP works\.\n/);
      expect(status).toMatch(/\nserver: 127\.0\.0\.1:\d+\nconnected since: .*\npublished: 1\nwaiting: 0\n/);
      const why = await mustSucceed(site.gateway, "why alice@example.test");
      expect(why).toMatch(/\npublisher sip: shows .* under sip:alice@example\.test, since .* expires .* \(in 30 m/);
      expect((await site.gateway.invoke(["check"])).text).toMatch(/sip: 127\.0\.0\.1:\d+ answers by tcp: 200 OK/);
    });

    it("moves to another address, and leaves nothing at the old one", async () => {
      const other = await client.watch(OTHER);
      await mustSucceed(site.gateway, `user set alice@example.test sip=${OTHER}`);
      await other.waitFor(isInMeeting, "in a meeting at the new address", 15_000);
      await watcher.waitFor((document) => !isInMeeting(document), "gone from the old address", 15_000);
      await mustSucceed(site.gateway, "user set alice@example.test sip=off");
      await other.waitFor((document) => !isInMeeting(document), "gone", 15_000);
      await mustSucceed(site.gateway, `user set alice@example.test sip=${ALICE}`);
      await watcher.waitFor(isInMeeting, "back at the old address", 15_000);
      other.end();
    });

    it("fills a server that comes back, and says nothing twice", async () => {
      const before = await settledMemory();
      await kamailio.restart();
      const again = await client.watch(ALICE);
      await again.waitFor(isInMeeting, "in a meeting after the restart", 40_000);
      const document = again.documents.at(-1) ?? "";
      expect(document.match(/<rpid:meeting/g)).toHaveLength(1);
      watcher = again;
      // What the server granted is written within two seconds; a process that is killed before has lost it.
      await expect.poll(remembered, { timeout: 10_000 }).not.toBe(before);
      await settledMemory();
    });

    it("goes on with what it published when it is restarted itself", async () => {
      await site.gateway.end("SIGKILL");
      await site.gateway.start();
      clear();
      await watcher.waitFor(isOut, "out of the meeting", 30_000);
      meet(30 * MINUTE);
      const document = await watcher.waitFor(isInMeeting, "in a meeting", 15_000);
      expect(document.match(/<tuple/g)).toHaveLength(1);
    });

    it("takes everything back when it stops", async () => {
      await site.gateway.end("SIGTERM");
      const late = await client.watch(ALICE);
      await late.waitFor((document) => !isInMeeting(document), "nothing of a meeting");
      await site.gateway.start();
      await late.waitFor(isInMeeting, "in a meeting", 15_000);
    });
  },
);
