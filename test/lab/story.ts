import type { JabberClient } from "./jabber-client.ts";
import type { ContactView } from "./jabber-view.ts";
import type { Screen } from "./screen.ts";
import { forgedDocument, isMeeting, type SipStage } from "./sip-stage.ts";
import type { Site } from "./site.ts";

/** One scene of the demo; rejects when the contact's client did not see what it should. */
export interface Scene {
  readonly title: string;
  play(stage: Stage): Promise<void>;
}

/** Who plays. */
export interface Stage {
  readonly site: Site;
  readonly screen: Screen;
  readonly alice: JabberClient;
  /** Her colleague, who watches. */
  readonly bob: JabberClient;
  /** Where there is a SIP presence server. */
  readonly sip: SipStage | undefined;
}

const IN_A_MEETING = "In a meeting";
const PATIENCE = 10_000;

const isInMeeting = ({ show, status, activity }: ContactView): boolean =>
  show === "dnd" && status === IN_A_MEETING && activity?.specific === "in_a_meeting";
const isPlainlyAvailable = ({ show, status, activity }: ContactView): boolean =>
  show === "available" && status !== IN_A_MEETING && activity === undefined;

/** `available`, `dnd "In a meeting" (working/in_a_meeting)`. */
export const describeView = ({ show, status, activity }: ContactView): string =>
  [show, status && `"${status}"`, activity && `(${activity.general}/${activity.specific})`].filter(Boolean).join(" ");

const nextSecond = (seconds: number): number => Math.ceil(Date.now() / 1000) * 1000 + seconds * 1000;
const clockOf = (at: number): string => new Date(at).toTimeString().slice(0, 8);
const aliceOf = (site: Site) => {
  const mailbox = site.exchange.findMailbox(`alice@${site.domain}`);
  if (!mailbox) throw new Error("alice has no mailbox");
  return mailbox;
};

/** Waits until bob's client shows it, and says how long that took after the instant. */
async function untilSeen(
  { bob, alice, screen }: Stage,
  isSeen: (view: ContactView) => boolean,
  { what, since }: { what: string; since: number },
): Promise<void> {
  const patience = Math.max(since - Date.now(), 0) + PATIENCE;
  await bob.waitFor(() => isSeen(bob.view(alice.bareJid)), what, patience);
  const late = Date.now() - since;
  if (late < -50) throw new Error(`${what} was shown ${-late} ms too early`);
  screen.pass(`${what}: seen ${(Math.max(late, 0) / 1000).toFixed(2)} s after`);
}

/** Waits until bob's phone shows a meeting, or none any more; at once where there is no phone. */
async function untilSeenByPhone({ sip, screen }: Stage, isIn: boolean, what: string): Promise<void> {
  if (!sip) return;
  await sip.watcher.waitFor((document) => isMeeting(document) === isIn, what, PATIENCE);
  screen.pass(`${what}: seen`);
}

const plannedMeeting: Scene = {
  title: "A planned meeting begins and ends",
  async play(stage) {
    const start = nextSecond(6);
    const end = start + 6000;
    stage.screen.act(`Exchange: alice has a meeting from ${clockOf(start)} to ${clockOf(end)}`);
    aliceOf(stage.site).addMeeting({ start, end, status: "busy", subject: "secret plans" });
    await untilSeen(stage, isInMeeting, { what: "the meeting's start", since: start });
    await untilSeenByPhone(stage, true, "the meeting's start, by SIP");
    await untilSeen(stage, isPlainlyAvailable, { what: "the meeting's end", since: end });
    await untilSeenByPhone(stage, false, "the meeting's end, by SIP");
  },
};

const adHocMeeting: Scene = {
  title: "A meeting that nobody planned appears, and is cancelled",
  async play(stage) {
    const mailbox = aliceOf(stage.site);
    stage.screen.act("Exchange: alice enters a meeting that is on already");
    const since = Date.now();
    const id = mailbox.addMeeting({ start: since - 60_000, end: since + 3_600_000, status: "busy" });
    await untilSeen(stage, isInMeeting, { what: "the ad hoc meeting", since });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    stage.screen.act("Exchange: alice deletes it");
    const deletedAt = Date.now();
    mailbox.removeMeeting(id);
    await untilSeen(stage, isPlainlyAvailable, { what: "its deletion", since: deletedAt });
  },
};

const forgery: Scene = {
  title: `Somebody forges "${IN_A_MEETING}"`,
  async play({ site, screen, alice, bob }) {
    const seenBefore = bob.seen.length;
    screen.act(`alice's client sets its status text to "${IN_A_MEETING}"`);
    await alice.sendPresence({ show: "dnd", status: IN_A_MEETING });
    screen.act("alice's client publishes the activity working/in_a_meeting");
    const reply = await alice.publishActivity({ general: "working", specific: "in_a_meeting" });
    await alice.settle();
    await bob.settle();
    if (reply.type !== "error") throw new Error("the server took a forged activity");
    const forged = bob.seen
      .slice(seenBefore)
      .some(
        (fact) =>
          (fact.kind === "presence" && fact.status === IN_A_MEETING) ||
          (fact.kind === "activity" && fact.specific === "in_a_meeting"),
      );
    if (forged) throw new Error("bob's client was shown a forged meeting");
    screen.pass(`the text was taken away; the activity was refused (${reply.condition}: ${reply.text})`);
    await alice.sendPresence();
    await bob.waitFor(() => isPlainlyAvailable(bob.view(`alice@${site.domain}`)), "alice available again");
  },
};

const forgeryBySip: Scene = {
  title: "alice's phone claims a meeting",
  async play({ screen, sip }) {
    if (!sip) return screen.act("left out: there is no SIP presence server");
    const seenBefore = sip.watcher.documents.length;
    screen.act("alice's phone publishes <rpid:meeting/>");
    const { status, startLine } = await sip.phone.publish({ aor: sip.aor, body: forgedDocument(sip.aor) });
    if (status !== 403 || sip.watcher.documents.slice(seenBefore).some(isMeeting))
      throw new Error("the presence server took a forged meeting");
    screen.pass(`it was refused (${startLine.replace("SIP/2.0 ", "")})`);
  },
};

const killedGateway: Scene = {
  title: "The gateway is killed during a meeting",
  async play(stage) {
    const start = Date.now() - 60_000;
    const end = nextSecond(8);
    stage.screen.act(`Exchange: alice is in a meeting until ${clockOf(end)}`);
    aliceOf(stage.site).addMeeting({ start, end, status: "busy" });
    await untilSeen(stage, isInMeeting, { what: "the meeting", since: Date.now() });
    await untilSeenByPhone(stage, true, "the meeting, by SIP");
    // What the SIP server granted is on disk two seconds later; a gateway that dies before cannot take it back.
    if (stage.sip) await new Promise((resolve) => setTimeout(resolve, 2500));
    stage.screen.act(`kill -9 ${stage.site.gateway.pid}`);
    await stage.site.gateway.end("SIGKILL");
    await untilSeen(stage, isPlainlyAvailable, { what: "the meeting's end, without a gateway", since: end });
    const bounced = stage.alice.seen.filter(
      (fact) => fact.kind === "error" && fact.from.includes(stage.site.component),
    );
    if (bounced.length > 0) throw new Error("alice's client was bothered with an error of the missing gateway");
    stage.screen.act("the gateway is started again");
    await stage.site.gateway.start();
    stage.screen.pass("it is ready, and nothing is wrong");
    await untilSeenByPhone(stage, false, "the meeting's end, by SIP, with the gateway");
  },
};

/** The story of the demo. */
export const STORY: readonly Scene[] = [plannedMeeting, adHocMeeting, forgery, forgeryBySip, killedGateway];
