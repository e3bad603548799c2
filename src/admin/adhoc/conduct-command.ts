import type { PresentityId } from "../../core/addresses.ts";
import type { Instant } from "../../lib/time.ts";
import { GatewayError } from "../../ports/errors.ts";
import type { XmlDraft } from "../../ports/xmpp-link.ts";
import type { CommandContext } from "../command.ts";
import type { AdhocCommand } from "./adhoc-command.ts";
import { adhocError } from "./adhoc-errors.ts";
import { encodeForm } from "./encode-form.ts";
import { encodeNote } from "./encode-result.ts";
import type { Answers } from "./form.ts";
import { NS } from "./namespaces.ts";
import { readForm } from "./read-form.ts";
import type { AdhocAction, AdhocRequest } from "./read-request.ts";
import type { AdhocSession, SessionStore } from "./session-store.ts";

/** Who asks, and with what. */
export interface Asking {
  /** Full JID. */
  readonly owner: string;
  readonly person: PresentityId;
  readonly request: AdhocRequest;
  readonly command: AdhocCommand;
  readonly context: CommandContext;
  readonly now: Instant;
}

/** What the front end does for it. */
export interface Conductor {
  readonly sessions: SessionStore;
  /** Carries the command out. Throws GatewayError. */
  carryOut(asking: Asking, entered: Answers): Promise<Outcome>;
  describeError(error: GatewayError): string;
  /** What is wrong with a form, in words to whoever filled it in. */
  describeProblems(problems: readonly string[]): string;
  /** That nothing was done, and why. */
  describeRefusal(problem: string): string;
  uniqueId(): string;
}

/** What came of a command: the children of the answer, and what the person could mend, when it was refused. */
export interface Outcome {
  readonly children: readonly XmlDraft[];
  readonly refusal?: string;
}

const NOTHING: Answers = new Map();

/** Begins a command or goes on with it (XEP-0050 section 3); the `<command/>` of the answer, without its language. */
export async function conductCommand(asking: Asking, conductor: Conductor): Promise<XmlDraft> {
  const session = findSession(asking, conductor.sessions);
  if (!session) return begin(asking, conductor);
  const { index, command, entered } = session;
  const isLast = index === command.steps.length - 1;
  const action = effectiveAction(asking.request.action, index, isLast);
  if (action === "cancel") return cancel(session, conductor);
  if (action === "prev") return show(asking, conductor, { id: session.id, entered, index: index - 1 });
  const reading = readForm(asking.request.form, session.shown, entered[index] ?? NOTHING);
  if (reading.kind === "unreadable") throw adhocError("bad-payload");
  if (reading.kind === "cancelled") return cancel(session, conductor);
  if (reading.kind === "problems")
    return showAgain(asking, conductor, session, conductor.describeProblems(reading.problems));
  // What follows was asked because of what was answered here.
  const later = isSame(entered[index], reading.answers) ? entered.slice(index + 1) : [];
  const answered = { ...session, entered: [...entered.slice(0, index), reading.answers, ...later] };
  return isLast ? complete(asking, conductor, answered) : goOn(asking, conductor, answered);
}

const isSame = (before: Answers | undefined, now: Answers): boolean =>
  before?.size === now.size && [...now].every(([name, value]) => before.get(name) === value);

function findSession({ request, owner, now, command }: Asking, sessions: SessionStore): AdhocSession | undefined {
  if (request.session === undefined) {
    if (request.action === "execute") return undefined;
    throw adhocError("bad-sessionid");
  }
  const session = sessions.find(request.session, owner, now);
  if (session === "expired") throw adhocError("session-expired");
  if (session?.command.node !== command.node) throw adhocError("bad-sessionid");
  return session;
}

/** What `execute` means here (`<actions execute=…/>`); an action that was not offered is an error. */
function effectiveAction(action: AdhocAction, index: number, isLast: boolean): Exclude<AdhocAction, "execute"> {
  if (action === "execute") return isLast ? "complete" : "next";
  const isOffered = action === "cancel" || (action === "prev" ? index > 0 : isLast === (action === "complete"));
  if (!isOffered) throw adhocError("bad-action");
  return action;
}

async function begin(asking: Asking, conductor: Conductor): Promise<XmlDraft> {
  const id = conductor.uniqueId();
  if (asking.command.steps.length > 0) return show(asking, conductor, { id, entered: [], index: 0 });
  try {
    const { children } = await conductor.carryOut(asking, NOTHING);
    return encodeCompleted(asking.command, id, children);
  } catch (error) {
    return encodeCompleted(asking.command, id, [encodeNote("error", describeFailure(error, conductor))]);
  }
}

type Place = Pick<AdhocSession, "entered" | "id" | "index">;

/** Shows the form at this place. Throws what stands in the way of making it. */
async function show(asking: Asking, conductor: Conductor, place: Place): Promise<XmlDraft> {
  const { command, owner, person, context, now } = asking;
  const make = command.steps[place.index];
  if (!make) throw adhocError("bad-action");
  const shown = await make(context, allOf(place.entered.slice(0, place.index)));
  const session = { ...place, owner, person, command, shown };
  conductor.sessions.put(session, now);
  return encodeShown(session, conductor);
}

async function goOn(asking: Asking, conductor: Conductor, answered: AdhocSession): Promise<XmlDraft> {
  const { id, entered, index } = answered;
  try {
    return await show(asking, conductor, { id, entered, index: index + 1 });
  } catch (error) {
    return showAgain(asking, conductor, answered, describeFailure(error, conductor));
  }
}

async function complete(asking: Asking, conductor: Conductor, answered: AdhocSession): Promise<XmlDraft> {
  try {
    const { children, refusal } = await conductor.carryOut(asking, allOf(answered.entered));
    if (refusal !== undefined) return showAgain(asking, conductor, answered, refusal);
    conductor.sessions.delete(answered.id);
    return encodeCompleted(answered.command, answered.id, children);
  } catch (error) {
    return showAgain(asking, conductor, answered, describeFailure(error, conductor));
  }
}

/** A failure of the command is told to the person; one of the request to the program that made it. */
function describeFailure(error: unknown, conductor: Conductor): string {
  if (error instanceof GatewayError && !error.code.startsWith("xmpp-iq-")) return conductor.describeError(error);
  throw error;
}

function showAgain(asking: Asking, conductor: Conductor, session: AdhocSession, problem: string): XmlDraft {
  conductor.sessions.put(session, asking.now);
  return encodeShown(session, conductor, problem);
}

function cancel({ id, command }: AdhocSession, { sessions }: Conductor): XmlDraft {
  sessions.delete(id);
  return encodeCommand(command, id, "canceled", []);
}

const allOf = (entered: readonly Answers[]): Answers => new Map(entered.flatMap((answers) => [...answers]));

function encodeShown(
  { id, command, index, entered, shown }: AdhocSession,
  conductor: Conductor,
  problem?: string,
): XmlDraft {
  const refusal = problem === undefined ? [] : [conductor.describeRefusal(problem)];
  const isLast = index === command.steps.length - 1;
  const actions = [...(index > 0 ? ["prev"] : []), isLast ? "complete" : "next"];
  return encodeCommand(command, id, "executing", [
    {
      name: "actions",
      attributes: { execute: isLast ? "complete" : "next" },
      children: actions.map((name) => ({ name })),
    },
    // Profanity and others show no note beside a form, so the form says it too.
    encodeForm({ ...shown, instructions: [...refusal, ...shown.instructions] }, entered[index] ?? NOTHING),
    ...(problem === undefined ? [] : [encodeNote("error", problem)]),
  ]);
}

const encodeCompleted = (command: AdhocCommand, id: string, children: readonly XmlDraft[]): XmlDraft =>
  encodeCommand(command, id, "completed", children);

const encodeCommand = (
  { node }: AdhocCommand,
  sessionid: string,
  status: "canceled" | "completed" | "executing",
  children: readonly XmlDraft[],
): XmlDraft => ({
  name: "command",
  attributes: { xmlns: NS.commands, node, sessionid, status },
  children,
});
