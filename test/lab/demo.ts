import { rmSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import type { Kamailio } from "./kamailio.ts";
import { createScreen, type Screen } from "./screen.ts";
import { describeDocument, startPresenceServer, watchBySip } from "./sip-stage.ts";
import { LAB_DOMAIN, LAB_PASSWORD, mustSucceed, type Site, startSite } from "./site.ts";
import { describeView, STORY, type Stage } from "./story.ts";

const HELP = `npm run demo [-- --once]

Starts a simulated Exchange, a real Prosody, the gateway and two Jabber clients on this machine, and where Kamailio is
installed a SIP presence server and a phone that watches; shows what a colleague sees while a short story runs, and stays up for you to play.
  --once   end after the story; exit code 0 only if the colleague's client saw every step`;

/** Prints whatever changes in what bob's client and his phone show of alice. */
function narrate({ bob, alice, screen, sip }: Stage): () => void {
  let last = "";
  let lastBySip = "";
  const timer = setInterval(() => {
    const now = describeView(bob.view(alice.bareJid));
    if (now !== last) screen.see(`alice is ${now}`);
    last = now;
    const nowBySip = sip ? describeDocument(sip.watcher.documents.at(-1) ?? "") : "";
    if (nowBySip !== lastBySip) screen.ring(`alice is ${nowBySip}`);
    lastBySip = nowBySip;
  }, 25);
  return () => clearInterval(timer);
}

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
  const { domain, component, prosody } = site;
  screen.title("It keeps running: play with it");
  screen.plain(`Connect a Jabber client to 127.0.0.1, port ${prosody.c2sPort}, without encryption, as
  bob@${domain}    password ${LAB_PASSWORD}   (sees alice)
  alice@${domain}  password ${LAB_PASSWORD}   (send "me", "end" or "pause for 1h" to ${component})
  admin@${domain}  password ${LAB_PASSWORD}   (send "help" or "why alice@${domain}" to ${component})
for example Profanity: /connect bob@${domain} server 127.0.0.1 port ${prosody.c2sPort} tls disable
${sip ? `Let a SIP phone watch ${sip.aor} at 127.0.0.1, port ${sip.kamailio.clientPort} (UDP or TCP, no password).` : "There is no SIP here."}
Type here:
  meet [<minutes>]    alice gets a meeting, from now on (5 minutes if not given)
  free                the meetings made here are deleted
  <any chat command>  as local administrator, e.g. status, why alice@${domain}, help
  quit                (or Ctrl-C) ends everything and leaves nothing behind
The gateway's answers are in UTC; it is ${new Date().toISOString().slice(11, 19)} UTC now.`);
}

const LONGEST_MEETING = 24 * 60; // minutes

/** What the person types beside chat commands: alice's calendar. */
class CalendarOfAlice {
  readonly #stage: Stage;
  readonly #meetings: string[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  meet(minutes = "5"): void {
    const { screen } = this.#stage;
    const length = /^\d{1,4}$/.test(minutes) ? Number(minutes) : 0;
    if (length < 1 || length > LONGEST_MEETING) {
      screen.plain(`meet <minutes>: give a whole number from 1 to ${LONGEST_MEETING}`);
      return;
    }
    const start = Date.now();
    const end = start + length * 60_000;
    const id = this.#mailbox?.addMeeting({ start, end, status: "busy" });
    if (id !== undefined) this.#meetings.push(id);
    screen.act(`Exchange: alice has a meeting until ${new Date(end).toTimeString().slice(0, 8)}`);
  }

  free(): void {
    const gone = this.#meetings.splice(0);
    for (const id of gone) this.#mailbox?.removeMeeting(id);
    this.#stage.screen.act(gone.length === 0 ? "there is no meeting made here" : "Exchange: the meetings are deleted");
  }

  get #mailbox() {
    const { exchange, domain } = this.#stage.site;
    return exchange.findMailbox(`alice@${domain}`);
  }
}

/** Lets the person at the terminal play Exchange and administrator until they leave. */
async function letPlay(stage: Stage, input: Interface): Promise<void> {
  const calendar = new CalendarOfAlice(stage);
  for await (const text of input) {
    const [word, ...rest] = text.trim().split(/\s+/);
    if (word === "quit" || word === "exit") break;
    if (word === "meet") calendar.meet(...rest.slice(0, 1));
    else if (word === "free") calendar.free();
    else if (word) stage.screen.plain((await stage.site.gateway.command(text)).text);
  }
}

async function assemble(site: Site, screen: Screen, kamailio: Kamailio | undefined): Promise<Stage> {
  screen.act("starting the gateway, telling it of the Exchange, enabling alice");
  await site.open(["alice"]);
  const bob = await site.connect("bob");
  await bob.sendPresence();
  const alice = await site.connect("alice");
  await alice.sendPresence();
  await bob.waitFor((client) => client.view(alice.bareJid).show === "available", "alice available");
  return { site, screen, alice, bob, sip: kamailio && (await watchBySip(kamailio, site)) };
}

async function main(args: readonly string[]): Promise<number> {
  const screen = createScreen(process.stdout);
  if (args.includes("--help")) {
    screen.plain(HELP);
    return 0;
  }
  screen.title("A company on one machine");
  screen.act("starting a simulated Exchange, a real Prosody and a real Kamailio");
  const kamailio = await startPresenceServer(LAB_DOMAIN, screen);
  const site = await startSite(kamailio && { sip: { server: `127.0.0.1:${kamailio.gatewayPort}` } });
  // Whoever leaves in the middle of the story ends everything too: the children end with this process.
  process.once("exit", () => {
    for (const each of [site.directory, ...(kamailio ? [kamailio.directory] : [])])
      rmSync(each, { recursive: true, force: true, maxRetries: 3 });
  });
  let leave = (): void => process.exit(130);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => leave());
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
