import { rmSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import type { Kamailio } from "./kamailio.ts";
import { createScreen, type Screen } from "./screen.ts";
import { describeDocument, startPresenceServer, watchBySip } from "./sip-stage.ts";
import { LAB_DOMAIN, LAB_PASSWORD, mustSucceed, type Site, startSite } from "./site.ts";
import { describeView, type Stage } from "./stage.ts";
import { STORY } from "./story.ts";
import type { ServerKind } from "./xmpp-server.ts";

const HELP = `npm run demo [-- [--once] [--server prosody|ejabberd]]

Starts a simulated Exchange, a simulated Office 365, a real Prosody or ejabberd, the gateway and three Jabber clients on this machine,
and where Kamailio is installed a SIP presence server and a phone that watches; shows what a colleague sees while a short
story runs, and stays up for you to play.
  --once     end after the story; exit code 0 only if the colleague's client saw every step
  --server   the XMPP server; prosody if not given`;

/** Prints whatever changes in what bob's client, and his phone, show of the others. */
function narrate({ bob, alice, carol, screen, sip }: Stage): () => void {
  const last = new Map<string, string>();
  const tellNews = (who: string, now: string, tell: (text: string) => void): void => {
    if (now !== last.get(who)) tell(now);
    last.set(who, now);
  };
  const timer = setInterval(() => {
    for (const { bareJid } of [alice, carol])
      tellNews(bareJid, `${nameOf(bareJid)} is ${describeView(bob.view(bareJid))}`, screen.see);
    if (sip) tellNews("phone", `alice is ${describeDocument(sip.watcher.documents.at(-1) ?? "")}`, screen.ring);
  }, 25);
  return () => clearInterval(timer);
}

const nameOf = (bareJid: string): string => bareJid.split("@", 1)[0] ?? "";

async function playStory(stage: Stage): Promise<boolean> {
  let isAllSeen = true;
  for (const scene of STORY) {
    stage.screen.title(scene.title);
    try {
      await scene.play(stage);
    } catch (error) {
      isAllSeen = false;
      stage.screen.fail(error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error));
      if (process.env["DEMO_DEBUG"] && error instanceof Error) stage.screen.plain(error.message);
    }
  }
  return isAllSeen;
}

function explainHowToPlay({ site, screen, sip }: Stage): void {
  const { domain, component, server } = site;
  screen.title("It keeps running: play with it");
  screen.plain(`Connect a Jabber client to 127.0.0.1, port ${server.c2sPort}, without encryption, as
  bob@${domain}    password ${LAB_PASSWORD}   (sees alice and carol)
  alice@${domain}  password ${LAB_PASSWORD}   (send "me", "end" or "pause for 1h" to ${component})
  admin@${domain}  password ${LAB_PASSWORD}   (send "help" or "why alice@${domain}" to ${component})
for example Profanity: /connect bob@${domain} server 127.0.0.1 port ${server.c2sPort} tls disable
${sip ? `Let a SIP phone watch ${sip.aor} at 127.0.0.1, port ${sip.kamailio.clientPort} (UDP or TCP, no password).` : "There is no SIP here."}
Type here:
  meet [<minutes>]    alice gets a meeting in Exchange, from now on (5 minutes if not given)
  meet carol          carol gets one of 5 minutes in Office 365
  free                the meetings made here are deleted
  <any chat command>  as local administrator, e.g. status, why alice@${domain}, help
  quit                (or Ctrl-C) ends everything and leaves nothing behind
The gateway's answers are in UTC; it is ${new Date().toISOString().slice(11, 19)} UTC now.`);
}

const LONGEST_MEETING = 24 * 60; // minutes

/** What the person types beside chat commands: alice's calendar, and carol's. */
class Calendars {
  readonly #stage: Stage;
  readonly #removals: (() => void)[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  meet(word = "5"): void {
    const { screen } = this.#stage;
    const isCarol = word === "carol";
    const length = isCarol ? 5 : /^\d{1,4}$/.test(word) ? Number(word) : 0;
    if (length < 1 || length > LONGEST_MEETING) {
      screen.plain(`meet <minutes>: give a whole number from 1 to ${LONGEST_MEETING}, or carol`);
      return;
    }
    const start = Date.now();
    const meeting = { start, end: start + length * 60_000, status: "busy" } as const;
    this.#removals.push(isCarol ? this.#stage.branch.book("carol", meeting) : this.#bookForAlice(meeting));
    const who = isCarol ? "Office 365: carol" : "Exchange: alice";
    screen.act(`${who} has a meeting until ${new Date(meeting.end).toTimeString().slice(0, 8)}`);
  }

  free(): void {
    const gone = this.#removals.splice(0);
    for (const remove of gone) remove();
    this.#stage.screen.act(gone.length === 0 ? "there is no meeting made here" : "the meetings are deleted");
  }

  #bookForAlice(meeting: { readonly start: number; readonly end: number; readonly status: "busy" }): () => void {
    const { exchange, domain } = this.#stage.site;
    const mailbox = exchange.findMailbox(`alice@${domain}`);
    const id = mailbox?.addMeeting(meeting) ?? "";
    return () => mailbox?.removeMeeting(id);
  }
}

/** Lets the person at the terminal play Exchange and administrator until they leave. */
async function letPlay(stage: Stage, input: Interface): Promise<void> {
  const calendar = new Calendars(stage);
  for await (const text of input) {
    const [word, ...rest] = text.trim().split(/\s+/);
    if (word === "quit" || word === "exit") break;
    if (word === "meet") calendar.meet(...rest.slice(0, 1));
    else if (word === "free") calendar.free();
    else if (word) stage.screen.plain((await stage.site.gateway.command(text)).text);
  }
}

async function assemble(site: Site, screen: Screen, kamailio: Kamailio | undefined): Promise<Stage> {
  const branch = site.office365;
  if (!branch) throw new Error("the second company did not start");
  screen.act("starting the gateway, telling it of the Exchange, enabling alice");
  await site.open(["alice"]);
  const bob = await site.connect("bob");
  await bob.sendPresence();
  const alice = await site.connect("alice");
  const carol = await site.connect("carol");
  for (const each of [alice, carol]) {
    await each.sendPresence();
    await bob.waitFor((client) => client.view(each.bareJid).show === "available", `${each.bareJid} available`);
  }
  return { site, screen, alice, carol, bob, branch, sip: kamailio && (await watchBySip(kamailio, site)) };
}

const ROSTERS = [
  ["alice", "bob"],
  ["carol", "bob"],
] as const;

const NAMES: Readonly<Record<ServerKind, string>> = { prosody: "Prosody", ejabberd: "ejabberd" };

function chooseServer(args: readonly string[]): ServerKind {
  const at = args.indexOf("--server");
  if (at < 0) return "prosody";
  const name = args[at + 1];
  if (name === "prosody" || name === "ejabberd") return name;
  throw new Error("--server: prosody or ejabberd");
}

async function main(args: readonly string[]): Promise<number> {
  const screen = createScreen(process.stdout);
  if (args.includes("--help")) {
    screen.plain(HELP);
    return 0;
  }
  let leave = (): void => process.exit(130);
  // The servers end with this process when it exits, not when a signal ends it: a second, impatient Ctrl-C changes nothing.
  // A closed terminal takes no more text.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => leave());
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const server = chooseServer(args);
  screen.title("Two companies on one machine");
  screen.act(`starting a simulated Exchange, a simulated Office 365, a real ${NAMES[server]} and a real Kamailio`);
  const kamailio = await startPresenceServer(LAB_DOMAIN, screen);
  const sip = kamailio && { sip: { server: `127.0.0.1:${kamailio.gatewayPort}` } };
  const site = await startSite({ server, office365: ["carol"], rosters: ROSTERS, ...sip });
  // Whoever leaves in the middle of the story ends everything too: the children end with this process.
  process.once("exit", () => {
    for (const each of [site.directory, ...(kamailio ? [kamailio.directory] : [])])
      rmSync(each, { recursive: true, force: true, maxRetries: 3 });
  });
  try {
    const stage = await assemble(site, screen, kamailio);
    const stopNarration = narrate(stage);
    const isAllSeen = await playStory(stage);
    screen.title(isAllSeen ? "Every step was seen by bob's client." : "Not every step was seen.");
    if (!args.includes("--once")) {
      screen.plain(await mustSucceed(site.gateway, `why alice@${site.domain}`));
      explainHowToPlay(stage);
      const input = createInterface({ input: process.stdin });
      leave = () => input.close();
      await letPlay(stage, input);
      screen.act("ending everything");
    }
    stopNarration();
    stage.sip?.phone.close();
    return isAllSeen ? 0 : 1;
  } finally {
    await site.close();
    await kamailio?.stop();
  }
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  createScreen(process.stderr).fail(error instanceof Error ? error.message : String(error));
  return 1;
});
