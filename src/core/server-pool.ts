/** One calendar server of a pool, as far as sharing out mailboxes goes. */
export interface PoolMember {
  readonly name: string;
  /** Its share against the others', above 0. */
  readonly weight: number;
  /** Mailboxes it has. */
  readonly load: number;
  /** False while it fails: it is given nothing as long as another is not failing. */
  readonly isInService: boolean;
}

/** A server's pool: one of its own where it has no other's. */
export const poolOf = ({ name, pool }: { readonly name: string; readonly pool?: string | undefined }): string =>
  pool ?? name;

/** True for the servers that a user with this gateway, a pool or one server, may be on. */
export const isCandidate = (gateway: string, server: Parameters<typeof poolOf>[0]): boolean =>
  server.name === gateway || poolOf(server) === gateway;

/** How full a server would be with one mailbox more, against its weight. */
const fullness = ({ load, weight }: PoolMember): number => (load + 1) / weight;

/**
 * The server that gets the next mailbox: the one with the most room for its weight, which among equals is round robin.
 * Never the one that just failed, nor one out of service, unless there is no other; `undefined` when there is none at all.
 */
export function chooseMember(members: readonly PoolMember[], failed?: string): PoolMember | undefined {
  const others = members.filter(({ name }) => name !== failed);
  const fit = others.filter(({ isInService }) => isInService);
  const [best] = (fit.length > 0 ? fit : others.length > 0 ? others : members).toSorted(
    (a, b) => fullness(a) - fullness(b) || (a.name < b.name ? -1 : 1),
  );
  return best;
}

/** Mailboxes to be moved so that the spread is even again. */
export interface PoolMove {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

// A mailbox stays where it is as long as it can: less than this of a server's share is not worth a move.
const TOLERANCE = 0.05;

/** The next move towards an even spread over the servers in service; `undefined` when it is even enough. */
export function planMove(members: readonly PoolMember[]): PoolMove | undefined {
  const serving = members.filter(({ isInService }) => isInService);
  const load = serving.reduce((sum, each) => sum + each.load, 0);
  const weight = serving.reduce((sum, each) => sum + each.weight, 0);
  const share = (each: PoolMember): number => (load * each.weight) / weight;
  const lack = (each: PoolMember): number => share(each) - each.load;
  const [fullest] = serving.toSorted((a, b) => lack(a) - lack(b) || (a.name < b.name ? -1 : 1));
  const [emptiest] = serving
    .filter((each) => lack(each) >= 1 && lack(each) > share(each) * TOLERANCE)
    .toSorted((a, b) => lack(b) / share(b) - lack(a) / share(a) || (a.name < b.name ? -1 : 1));
  if (!fullest || !emptiest) return undefined;
  const count = Math.floor(Math.min(-lack(fullest), lack(emptiest)));
  return count < 1 ? undefined : { from: fullest.name, to: emptiest.name, count };
}
