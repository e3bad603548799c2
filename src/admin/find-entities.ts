import { domainOf, type PresentityId } from "../core/addresses.ts";
import { isCandidate, poolOf } from "../core/server-pool.ts";
import { nearest } from "../lib/nearest.ts";
import type { JournalEntry } from "../ports/journal.ts";
import type { CalendarServer, Registry, User } from "../ports/registry.ts";
import type { CommandContext } from "./command.ts";
import { commandError } from "./command-errors.ts";

/** Comparing a name with more users than this would cost more than the hint is worth. */
const MOST_COMPARED = 5000;

/** The user, or `command-not-found` with the nearest JID. */
export async function findKnownUser(registry: Registry, presentity: PresentityId): Promise<User> {
  const user = await registry.findUser(presentity);
  if (user) return user;
  const users = await registry.listUsers();
  const close = users.length <= MOST_COMPARED ? nearestUser(presentity, users) : undefined;
  throw commandError(
    "command-not-found",
    `${presentity} is no user of the gateway.${close ? ` Did you mean ${close}?` : ""} To enable it: user enable ${presentity}`,
  );
}

/** Names are compared within a domain, and domains for a name: together, bob would be taken for alice of the same long domain. */
function nearestUser(presentity: PresentityId, users: readonly User[]): string | undefined {
  const [local, domain] = [localPartOf(presentity), domainOf(presentity)];
  const neighbours = users.map((user) => user.presentity).filter((each) => domainOf(each) === domain);
  const name = nearest(local, neighbours.map(localPartOf));
  if (name !== undefined) return `${name}@${domain}`;
  const namesakes = users.map((user) => user.presentity).filter((each) => localPartOf(each) === local);
  const found = nearest(domain, namesakes.map(domainOf));
  return found === undefined ? undefined : `${local}@${found}`;
}

const localPartOf = (presentity: PresentityId): string => presentity.slice(0, presentity.indexOf("@"));

/** The calendar server, or `command-not-found` with the nearest name or all of them. */
export async function findKnownGateway(registry: Registry, name: string): Promise<CalendarServer> {
  const server = await registry.findCalendarServer(name);
  if (server) return server;
  const names = (await registry.listCalendarServers()).map((each) => each.name);
  throw commandError("command-not-found", `There is no gateway named ${name}${describeChoice(name, names)}`);
}

/** The name of a pool or of one server, or `command-not-found`. */
export const findKnownPool = async (registry: Registry, name: string): Promise<string> =>
  knownPool(await registry.listCalendarServers(), name);

/** The name of a pool or of one server of these, or `command-not-found`. */
export function knownPool(servers: readonly CalendarServer[], name: string): string {
  if (servers.some((server) => isCandidate(name, server))) return name;
  const names = [...new Set(servers.flatMap((server) => [poolOf(server), server.name]))];
  throw commandError("command-not-found", `There is no gateway or pool named ${name}${describeChoice(name, names)}`);
}

/** `; did you mean …?` or `. There are: …`. */
export function describeChoice(word: string, names: readonly string[]): string {
  const close = nearest(word, names);
  if (close) return `; did you mean ${close}?`;
  return names.length > 0
    ? `. There are: ${names.slice(0, 50).join(", ")}`
    : ". There is none yet: gateway add makes one.";
}

/** What is known of the presentity: live where the gateway runs here, else as the journal last had it. */
export const findEntry = ({ live, journal }: CommandContext, presentity: PresentityId): JournalEntry | undefined =>
  live ? live.entry(presentity) : journal.find(presentity);

/** Writes the audit line of a change that the actor has made. */
export const recordChange = (
  { registry, clock, actor }: CommandContext,
  change: { readonly action: string; readonly subject: string; readonly detail?: string },
): Promise<void> =>
  registry.recordAudit({
    at: clock.now(),
    actor: actor.name,
    action: change.action,
    subject: change.subject,
    detail: change.detail ?? "",
  });
