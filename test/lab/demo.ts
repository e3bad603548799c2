import { createInterface } from "node:readline";
import { createScreen, type Screen } from "./screen.ts";
import { LAB_PASSWORD, mustSucceed, type Site, startSite } from "./site.ts";
import { describeView, STORY, type Stage } from "./story.ts";

const HELP = `npm run demo [-- --once]

Starts a simulated Exchange, a real Prosody, the gateway and two Jabber clients on this machine,
shows what a colleague sees while a short story runs, and stays up for you to play.
  --once   end after the story; exit code 0 only if the colleague's client saw every step`;

/** Prints whatever changes in what bob's client shows of alice. */
function narrate({ bob, alice, screen }: Stage): () => void {
  let last = "";
  const timer = setInterval(() => {
    const now = describeView(bob.view(alice.bareJid));
    if (now !== last) screen.see(`alice is ${now}`);
    last = now;
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

function explainHowToPlay({ site, screen }: Stage): void {
  const { domain, component, prosody } = site;
  screen.title("It keeps running: play with it");
  screen.plain(`Connect a Jabber client to 127.0.0.1, port ${prosody.c2sPort}, without encryption, as
  bob@${domain}    password ${LAB_PASSWORD}   (sees alice)
  alice@${domain}  password ${LAB_PASSWORD}   (send "me", "end" or "pause for 1h" to ${component})
  admin@${domain}  password ${LAB_PASSWORD}   (send "help" or "why alice@${domain}" to ${component})
Type here:
  meet <minutes>      alice gets a meeting, from now on
  free                her meetings are deleted
  <any chat command>  as local administrator, e.g. status, why alice@${domain}
  quit`);
}

/** Lets the person at the terminal play Exchange and administrator until they leave. */
async function letPlay({ site, screen }: Stage): Promise<void> {
  const meetings: string[] = [];
  const mailbox = site.exchange.findMailbox(`alice@${site.domain}`);
  const input = createInterface({ input: process.stdin });
  process.once("SIGINT", () => input.close());
  process.once("SIGTERM", () => input.close());
  for await (const text of input) {
    const [word, minutes] = text.trim().split(/\s+/);
    if (word === "quit") break;
    if (word === "meet" && mailbox) {
      const start = Date.now();
      meetings.push(mailbox.addMeeting({ start, end: start + Number(minutes ?? 5) * 60_000, status: "busy" }));
    } else if (word === "free" && mailbox) {
      for (const id of meetings.splice(0)) mailbox.removeMeeting(id);
    } else if (word) {
      screen.plain((await site.gateway.command(text)).text);
    }
  }
}

async function assemble(site: Site, screen: Screen): Promise<Stage> {
  screen.act("starting the gateway, telling it of the Exchange, enabling alice");
  await site.open(["alice"]);
  const bob = await site.connect("bob");
  await bob.sendPresence();
  const alice = await site.connect("alice");
  await alice.sendPresence();
  await bob.waitFor((client) => client.view(alice.bareJid).show === "available", "alice available");
  return { site, screen, alice, bob };
}

async function main(args: readonly string[]): Promise<number> {
  const screen = createScreen(process.stdout);
  if (args.includes("--help")) {
    screen.plain(HELP);
    return 0;
  }
  screen.title("A company on one machine");
  screen.act("starting a simulated Exchange and a real Prosody");
  const site = await startSite();
  try {
    const stage = await assemble(site, screen);
    const stopNarration = narrate(stage);
    const isAllSeen = await playStory(stage);
    screen.title(isAllSeen ? "Every step was seen by bob's client." : "Not every step was seen.");
    if (!args.includes("--once")) {
      screen.plain(await mustSucceed(site.gateway, `why alice@${site.domain}`));
      explainHowToPlay(stage);
      await letPlay(stage);
    }
    stopNarration();
    return isAllSeen ? 0 : 1;
  } finally {
    await site.close();
  }
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  createScreen(process.stderr).fail(error instanceof Error ? error.message : String(error));
  return 1;
});
