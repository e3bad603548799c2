import type { PresentityId } from "../core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { instant, minutes, seconds } from "../lib/time.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Journal } from "../ports/journal.ts";
import type { Registry, RegistryChange, User } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { CalendarServers } from "./calendar-servers.ts";
import type { Presentities, Presentity } from "./presentity.ts";

const RETRY: BackoffPolicy = { first: seconds(1), longest: minutes(1) };

/** What following the registry works with. */
export interface SyncDirectoryDeps {
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly presentities: Presentities;
  readonly calendarServers: CalendarServers;
  readonly recompute: (presentity: Presentity) => void;
  readonly parametersChanged: () => Promise<void>;
  /** Called for somebody who is a user from now on, and when anything about the user has changed. */
  readonly follow: (user: User) => void;
  /** Called for somebody who is an enabled user no more. */
  readonly unfollow: (presentity: PresentityId) => void;
  /** Called for somebody who is no user any more and of whom nothing is left to retract. */
  readonly forget: (presentity: Presentity) => void;
}

/**
 * Lets every change of the configuration take effect, whoever made it, until the signal aborts.
 *
 * @param begun a watch that began before `syncUsers` was called: the users need no second reading then
 */
export async function syncDirectory(
  deps: SyncDirectoryDeps,
  begun: AsyncIterable<RegistryChange>,
  signal: AbortSignal,
): Promise<void> {
  let changes: AsyncIterable<RegistryChange> | undefined = begun;
  const { clock, log, random } = deps.runtime;
  for (let failures = 0; !signal.aborted; ) {
    try {
      // The watch begins with the call, before everything is read, so that no change falls between the two.
      if (!changes) {
        changes = deps.registry.watch(signal);
        await syncUsers(deps);
      }
      await syncServers(deps, signal);
      for await (const change of changes) {
        failures = 0;
        await takeChange(change, deps, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      log.error("registry.watch-failed", { code: toGatewayError(error).code, message: toGatewayError(error).message });
    }
    changes = undefined;
    failures++;
    await clock.sleep(backoffDelay(RETRY, failures, random()), signal).catch(() => undefined);
  }
}

/** Tells who is a user; until then nobody is, so that it must come before anything is published. */
export async function syncUsers(deps: SyncDirectoryDeps): Promise<void> {
  const users = new Map((await deps.registry.listUsers()).map((user) => [user.presentity, asShown(user)]));
  for (const user of users.values()) assignUser(user.presentity, user, deps);
  for (const presentity of deps.presentities) if (!users.has(presentity.id)) assignUser(presentity.id, undefined, deps);
}

/** To the engine, whoever opted out is disabled. */
function asShown(user: User): User;
function asShown(user: User | undefined): User | undefined;
function asShown(user: User | undefined): User | undefined {
  return user?.optedOutAt === undefined ? user : { ...user, isEnabled: false };
}

async function syncServers(deps: SyncDirectoryDeps, signal: AbortSignal): Promise<void> {
  await deps.calendarServers.syncAll(await deps.registry.listCalendarServers(), signal);
}

async function takeChange(change: RegistryChange, deps: SyncDirectoryDeps, signal: AbortSignal): Promise<void> {
  switch (change.kind) {
    case "user":
      assignUser(change.presentity, asShown(await deps.registry.findUser(change.presentity)), deps);
      return;
    case "calendar-server":
      await deps.calendarServers.sync(change.name, signal);
      return;
    case "parameter":
      await deps.parametersChanged();
      return;
    case "calendar-name":
    case "certificate":
      return;
  }
}

/** Who set the locale, and an address at rest, change nothing of what is shown. */
const isShownAlike = (a: User | undefined, b: User | undefined): boolean =>
  a?.mailbox === b?.mailbox &&
  a?.gateway === b?.gateway &&
  a?.locale === b?.locale &&
  a?.isEnabled === b?.isEnabled &&
  a?.sip === b?.sip;

/** Another mailbox's calendar must not come back after a restart either: one heard never is unknown. */
function forgetCalendar(presentity: Presentity, { journal }: SyncDirectoryDeps): void {
  presentity.calendar = undefined;
  journal.replaceBusyTime(presentity.id, [], instant(0));
  presentity.automaticReplies = undefined;
  journal.replaceAutomaticReplies(presentity.id, undefined);
}

/** Those of somebody who was no user were only remembered; what a restart restored comes from the journal itself. */
const hasUnrecordedClients = ({ clients, unconfirmed, document }: Presentity): boolean =>
  clients.length > (document ? unconfirmed.length : 0);

/** Another mailbox's is not the user's, and nothing is kept of who opted out. */
const hasNoCalendarOf = (before: User, user: User | undefined): boolean =>
  before.mailbox !== user?.mailbox || (before.isEnabled && user.optedOutAt !== undefined);

/** Puts the user's configuration to work; the calendar is kept where only the server changed, so that no gap shows. */
function assignUser(id: PresentityId, user: User | undefined, deps: SyncDirectoryDeps): void {
  const presentity = user ? deps.presentities.open(id) : deps.presentities.find(id);
  if (!presentity || (presentity.user !== undefined && isShownAlike(presentity.user, user))) return;
  const before = presentity.user;
  deps.presentities.assign(presentity, user);
  if (before?.isEnabled) deps.calendarServers.release(presentity.server, before.mailbox);
  if (before && hasNoCalendarOf(before, user)) forgetCalendar(presentity, deps);
  if (!user?.isEnabled) presentity.calendarError = undefined;
  if (user && hasUnrecordedClients(presentity)) deps.journal.replaceClients(id, presentity.clients);
  deps.calendarServers.add(presentity);
  if (before && before.gateway !== user?.gateway) deps.calendarServers.rehome(presentity);
  deps.recompute(presentity);
  if (user?.isEnabled) deps.follow(user);
  else if (before?.isEnabled) deps.unfollow(id);
  if (!user) deps.forget(presentity);
}
