import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import xml from "@xmpp/xml";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type JabberClient, NS_ACTIVITY } from "../../lab/jabber-client.ts";
import { LAB_DOMAIN, LAB_PASSWORD, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";
import { comparableRows, composePage, composeTable, type Sighting } from "./clients-page.ts";
import { type Shown, WATCHED_CLIENTS } from "./watched-clients.ts";

const ALICE = `alice@${LAB_DOMAIN}`;
const BOB = `bob@${LAB_DOMAIN}`;
const MINUTE = 60_000;
const DOCS = fileURLToPath(new URL("../../../docs/", import.meta.url));
const PAGE = join(DOCS, "CLIENTS.md");
const PICTURE_LIMIT = 60_000;
const NS_DISCO = "http://jabber.org/protocol/disco#info";

const clients = WATCHED_CLIENTS.filter((client) => {
  const missing = client.findMissing();
  if (missing) console.log(`skipped: ${client.name}: ${missing}`);
  return missing === undefined;
});
const versionOf = (name: string): string =>
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of dpkg-query, not of JavaScript
  execFileSync("dpkg-query", ["-W", "-f=${Version}", name], { encoding: "utf8" });

describe("bob's client", () => {
  const sightings: Sighting[] = [];
  const pictures = mkdtempSync(join(tmpdir(), "client-pictures-"));
  afterAll(() => rmSync(pictures, { recursive: true, force: true }));

  /** A picture goes with its client. */
  const keep = (shown: Shown, name: string): Shown => {
    if ("text" in shown.screen) return shown;
    const picture = join(pictures, name);
    copyFileSync(shown.screen.picture, picture);
    expect(statSync(picture).size).toBeLessThan(PICTURE_LIMIT);
    return { ...shown, screen: { picture } };
  };

  describe.each(installedServers())("on a real %s", (server) => {
    let site: Site;
    let alice: JabberClient;
    let carol: JabberClient;
    const meetings: string[] = [];
    const mailbox = () => {
      const found = site.exchange.findMailbox(ALICE);
      if (!found) throw new Error("alice has no mailbox");
      return found;
    };
    /** Whether the client that came last announces it. */
    const asksForActivities = async (since: number): Promise<boolean> => {
      const find = () => alice.seen.slice(since).find((fact) => fact.from.startsWith(`${BOB}/`));
      await alice.waitFor(() => find() !== undefined, "bob online");
      const to = find()?.from ?? "";
      const reply = await alice.request({ type: "get", to, payload: xml("query", { xmlns: NS_DISCO }) });
      return reply.element.toString().includes(`${NS_ACTIVITY}+notify`);
    };

    beforeAll(async () => {
      site = await startSite({
        server,
        rosters: [
          ["alice", "bob"],
          ["alice", "carol"],
        ],
      });
      await site.open(["alice"]);
      carol = await site.connect("carol");
      await carol.sendPresence();
      alice = await site.connect("alice");
      await alice.sendPresence();
    });
    afterAll(() => site?.close());
    afterEach(async () => {
      for (const id of meetings.splice(0)) mailbox().removeMeeting(id);
      await carol.waitFor(() => carol.view(ALICE).show === "available", "no meeting");
    });

    it.each(clients)("$name shows alice's meeting, to bob who logs in during it too, and its end", async (client) => {
      const since = alice.seen.length;
      const account = { jid: BOB, password: LAB_PASSWORD, port: site.server.c2sPort };
      let bobs = await client.start(account);
      try {
        const asks = await asksForActivities(since);
        const start = Date.now() - MINUTE;
        meetings.push(mailbox().addMeeting({ start, end: start + 60 * MINUTE, status: "busy" }));
        const meeting = keep(await bobs.meeting(), `${client.package}-meeting-${server}.png`);
        await bobs.close();
        bobs = await client.start(account);
        await bobs.later();
        for (const id of meetings.splice(0)) mailbox().removeMeeting(id);
        const end = keep(await bobs.end(), `${client.package}-end-${server}.png`);
        const versions = { clientVersion: versionOf(client.package), serverVersion: versionOf(server) };
        const name = server === "prosody" ? "Prosody" : server;
        sightings.push({ client: client.name, server: name, ...versions, asksForActivities: asks, meeting, end });
      } finally {
        await bobs.close();
      }
    });
  });

  it("shows what docs/CLIENTS.md says", () => {
    const seen = sightings.toSorted((one, other) => order(one) - order(other));
    if (process.env["CLIENTS_PAGE"] === "write") writePage(seen);
    const documented = comparableRows(readFileSync(PAGE, "utf8"));
    for (const [name, row] of comparableRows(composeTable(seen))) expect(documented.get(name), name).toBe(row);
  });
});

const order = ({ client }: Sighting): number => WATCHED_CLIENTS.findIndex(({ name }) => name === client);

function writePage(sightings: readonly Sighting[]): void {
  if (sightings.length < WATCHED_CLIENTS.length * 2) throw new Error("the page needs all clients and both servers");
  const page = composePage(sightings, ({ client, ...shown }, moment) => {
    const name = `images/${client.toLowerCase()}-${moment}.png`;
    const { screen } = shown[moment];
    if ("picture" in screen) copyFileSync(screen.picture, join(DOCS, name));
    return name;
  });
  writeFileSync(PAGE, page);
}
