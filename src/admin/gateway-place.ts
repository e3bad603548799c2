import { isCandidate } from "../core/server-pool.ts";
import type { CalendarServer, Retirement } from "../ports/registry.ts";
import {
  descriptionArgument,
  poolArgument,
  retiredArgument,
  successorArgument,
  weightArgument,
} from "./argument-schemas.ts";
import type { CommandContext } from "./command.ts";
import { commandError } from "./command-errors.ts";
import { findKnownPool } from "./find-entities.ts";

/** Arguments that place a gateway among the others. */
export const placeArguments = {
  description: descriptionArgument.optional(),
  pool: poolArgument.optional(),
  weight: weightArgument.optional(),
  successor: successorArgument.optional(),
};

/** Arguments that place a gateway that there is among the others. */
export const changedPlaceArguments = { ...placeArguments, retired: retiredArgument.optional() };

/** What is given of a gateway's place; an empty text takes away. */
export interface GivenPlace {
  readonly description?: string | undefined;
  readonly pool?: string | undefined;
  readonly weight?: number | undefined;
  readonly successor?: string | undefined;
  readonly retired?: boolean | undefined;
}

type Place = Pick<CalendarServer, "description" | "pool" | "weight" | "successor" | "retired">;

/** The place that the server `before` has after the change. Throws `command-not-found` or `command-conflict`. */
export async function placeAfter(
  context: CommandContext,
  before: Pick<CalendarServer, "name"> & Place,
  given: GivenPlace,
): Promise<Place> {
  const pool = given.pool ?? before.pool;
  const successor = given.successor ?? before.successor;
  const weight = given.weight ?? before.weight;
  const description = given.description ?? before.description;
  if (given.successor) await checkSuccessor(context, { name: before.name, pool }, given.successor);
  const retired = retirementAfter(context, { ...before, successor }, given.retired);
  return {
    ...(description && { description }),
    ...(pool && { pool }),
    ...(weight !== undefined && { weight }),
    ...(successor && { successor }),
    ...(retired && { retired }),
  };
}

async function checkSuccessor(
  { registry }: CommandContext,
  { name, pool }: { readonly name: string; readonly pool: string | undefined },
  successor: string,
): Promise<void> {
  await findKnownPool(registry, successor);
  if (successor === name || successor === pool)
    throw commandError("command-conflict", `${name} cannot follow on itself.`);
}

function retirementAfter(
  { clock, actor }: CommandContext,
  {
    name,
    successor,
    retired,
  }: { readonly name: string; readonly successor: string | undefined } & Omit<Place, "successor">,
  isRetired = retired !== undefined,
): Retirement | undefined {
  if (!isRetired) return undefined;
  if (!successor) {
    throw commandError(
      "command-conflict",
      `Without a successor ${name} cannot be retired. Use: gateway set ${name} successor=<gateway>, or retired=no`,
    );
  }
  return retired ?? { at: clock.now(), because: `${actor.name} said so.` };
}

/** What is given, for the audit. */
export const describePlace = ({ description, pool, weight, successor, retired }: GivenPlace): string[] => [
  ...(description === undefined ? [] : [`description=${JSON.stringify(description)}`]),
  ...(pool === undefined ? [] : [`pool=${pool}`]),
  ...(weight === undefined ? [] : [`weight=${weight}`]),
  ...(successor === undefined ? [] : [`successor=${successor}`]),
  ...(retired === undefined ? [] : [`retired=${retired ? "yes" : "no"}`]),
];

/** The server as it is without what only others can say of it: its place. */
export function withoutPlace(server: CalendarServer): Omit<CalendarServer, keyof Place> {
  const { description: _d, pool: _p, weight: _w, successor: _s, retired: _r, ...rest } = server;
  return rest;
}

/** Nobody follows on a removed gateway. Throws `command-conflict` where it has the mailboxes of a retired one. */
export async function endSuccession({ registry }: CommandContext, removed: CalendarServer): Promise<void> {
  const others = (await registry.listCalendarServers()).filter(({ name }) => name !== removed.name);
  const follows = ({ successor }: CalendarServer): boolean =>
    successor !== undefined && isCandidate(successor, removed) && !others.some((each) => isCandidate(successor, each));
  const left = others.filter(follows);
  const retired = left.find((each) => each.retired);
  if (retired) {
    throw commandError(
      "command-conflict",
      `${removed.name} has the mailboxes of ${retired.name}, which is retired. Give that another successor first, or: gateway set ${retired.name} retired=no`,
    );
  }
  for (const { successor: _, ...rest } of left) await registry.replaceCalendarServer(rest);
}
