import type { JabberClient } from "./jabber-client.ts";
import type { ContactView } from "./jabber-view.ts";
import type { Office365Company } from "./office365.ts";
import type { Screen } from "./screen.ts";
import { isMeeting, type SipStage } from "./sip-stage.ts";
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
  /** Her colleague of the second company. */
  readonly carol: JabberClient;
  /** Their colleague, who watches. */
  readonly bob: JabberClient;
  /** The second company. */
  readonly branch: Office365Company;
  /** Where there is a SIP presence server. */
  readonly sip: SipStage | undefined;
}

/** The text of a meeting. */
export const IN_A_MEETING = "In a meeting";
const PATIENCE = 10_000;

/** True when a contact is shown in a meeting. */
export const isInMeeting = ({ show, status, activity }: ContactView): boolean =>
  show === "dnd" && status === IN_A_MEETING && activity?.specific === "in_a_meeting";

/** True when a contact is shown available, and nothing else. */
export const isPlainlyAvailable = ({ show, status, activity }: ContactView): boolean =>
  show === "available" && status !== IN_A_MEETING && activity === undefined;

/** `available`, `dnd "In a meeting" (working/in_a_meeting)`. */
export const describeView = ({ show, status, activity }: ContactView): string =>
  [show, status && `"${status}"`, activity && `(${activity.general}/${activity.specific})`].filter(Boolean).join(" ");

/** What bob's client is to show, from which instant on (milliseconds since 1970). */
export interface Expected {
  readonly what: string;
  readonly since: number;
  /** Alice where not given. */
  readonly who?: JabberClient;
}

/** Waits until bob's client shows it, and says how long that took after the instant. */
export async function untilSeen(
  { bob, alice, screen }: Stage,
  isSeen: (view: ContactView) => boolean,
  { what, since, who = alice }: Expected,
): Promise<void> {
  const patience = Math.max(since - Date.now(), 0) + PATIENCE;
  await bob.waitFor(() => isSeen(bob.view(who.bareJid)), what, patience);
  const late = Date.now() - since;
  if (late < -50) throw new Error(`${what} was shown ${-late} ms too early`);
  screen.pass(`${what}: seen ${(Math.max(late, 0) / 1000).toFixed(2)} s after`);
}

/** Waits until bob's phone shows a meeting, or none any more; at once where there is no phone. */
export async function untilSeenByPhone({ sip, screen }: Stage, isIn: boolean, what: string): Promise<void> {
  if (!sip) return;
  await sip.watcher.waitFor((document) => isMeeting(document) === isIn, what, PATIENCE);
  screen.pass(`${what}: seen`);
}
