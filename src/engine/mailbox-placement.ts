import type { Mailbox } from "../core/addresses.ts";
import { chooseMember, isCandidate, type PoolMember, type PoolMove, planMove } from "../core/server-pool.ts";
import { servingMembers, succeedingMembers, successionOf } from "../core/succession.ts";
import { groupBy } from "../lib/group-by.ts";
import { type Instant, minutes, plus, seconds } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import type { Journal } from "../ports/journal.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Presentities, Presentity } from "./presentity.ts";

/** At most so many mailboxes change servers at a time: as many as share one notification connection. */
const MOVE_BATCH = 200;
/** So long a mailbox that was moved alone is left where it is. */
const REST_AFTER_MOVE = minutes(5);
/** Between two batches, so that servers and limits are not run over. */
const MOVE_PACE = seconds(5);

/** A calendar server that mailboxes may be placed on. */
export interface PlacementServer {
  readonly name: string;
  readonly pool: string;
  readonly weight: number;
  readonly isInService: boolean;
  readonly successor: string | undefined;
  /** Its successor has its mailboxes. */
  readonly isRetired: boolean;
}

/** What placing works with. */
export interface PlacementDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly presentities: Presentities;
  /** All that are configured and enabled. */
  readonly servers: () => readonly PlacementServer[];
  /** One of them. */
  readonly find: (name: string) => PlacementServer | undefined;
  /** A server's mailboxes, those that are watched together one after the other. */
  readonly mailboxesOf: (server: string) => Iterable<Mailbox>;
  /** Called when the presentity has another server than before. */
  readonly moved: (presentity: Presentity, from: string | undefined) => void;
}

/**
 * Which server of its pool each mailbox is on: given one in turn when it is first enabled, it stays there until the
 * server or its subscription fails, and changes only to one that works; after an outage the spread is made even again.
 */
export class MailboxPlacement {
  readonly #deps: PlacementDeps;
  /** Single mailboxes that were moved lately. */
  readonly #movedAt = new Map<Mailbox, Instant>();
  #cancelBalance: (() => void) | undefined;

  constructor(deps: PlacementDeps) {
    this.#deps = deps;
  }

  /**
   * Sees to it that the presentity has a server that may have it and works, if there is one; true when it has another
   * than before.
   *
   * @param failed the server on which its subscription just failed
   */
  place(presentity: Presentity, failed?: string): boolean {
    const { user } = presentity;
    if (!user?.isEnabled) return false;
    const known = presentity.server === undefined ? undefined : this.#deps.find(presentity.server);
    const isWell = known?.isInService === true && !known.isRetired && known.name !== failed;
    if (isWell && isCandidate(user.gateway, known)) return false;
    const servers = this.#deps.servers();
    const candidates = servingMembers(user.gateway, servers);
    // Where it was given to a successor alone, it stays there.
    const places = [...candidates, ...succeedingMembers(user.gateway, servers)];
    const current = places.find(({ name }) => name === presentity.server);
    if (current?.isInService && current.name !== failed) return false;
    const chosen = this.#choose(presentity, candidates, failed);
    if (!chosen || chosen.name === presentity.server || (current && !chosen.isInService)) return false;
    this.#put(presentity, chosen.name);
    return true;
  }

  /** Whether a server of the gateway, or of those that follow on it, works. */
  isServed(gateway: string | undefined): boolean {
    if (gateway === undefined) return false;
    const serving = servingMembers(gateway, this.#deps.servers());
    return serving.some(({ isInService, isRetired }) => isInService && !isRetired);
  }

  /** Gives one mailbox of the server, which serves it no more, to the servers that follow on it, if one works. */
  succeed(server: string, mailbox: Mailbox): number {
    const servers = this.#deps.servers();
    const successor = servers.find(({ name }) => name === server)?.successor;
    const candidates = successor === undefined ? [] : servingMembers(successor, servers);
    let count = 0;
    for (const presentity of [...this.#deps.presentities.ofMailbox(server, mailbox)]) {
      const chosen = this.#choose(presentity, candidates, server);
      if (!chosen?.isInService || chosen.name === server) continue;
      this.#put(presentity, chosen.name);
      count++;
    }
    return count;
  }

  /** Gives the server, which serves again, and others of its pool what went to its successors. */
  recall(server: string): void {
    const servers = this.#deps.servers();
    const pool = servers.find(({ name }) => name === server)?.pool;
    for (const presentity of this.#deps.presentities) {
      const gateway = presentity.user?.gateway;
      if (gateway === undefined || (gateway !== server && gateway !== pool)) continue;
      const candidates = servingMembers(gateway, servers);
      if (candidates.some(({ name }) => name === presentity.server)) continue;
      const chosen = this.#choose(presentity, candidates);
      if (chosen) this.#put(presentity, chosen.name);
    }
  }

  /** Gives the presentity, whose gateway was just chosen, to that gateway's own servers, though one that follows on them has it. */
  bringHome(presentity: Presentity): void {
    const { user, server } = presentity;
    const candidates = user?.isEnabled ? servingMembers(user.gateway, this.#deps.servers()) : [];
    if (candidates.some(({ name }) => name === server)) return;
    const chosen = this.#choose(presentity, candidates);
    if (chosen?.isInService) this.#put(presentity, chosen.name);
  }

  /** Gives other servers of the pool what this one has, or these mailboxes of it; returns how many went. */
  evacuate(server: string, mailboxes: Iterable<Mailbox> = this.#deps.presentities.mailboxesOn(server)): number {
    let count = 0;
    for (const mailbox of [...mailboxes]) {
      for (const presentity of [...this.#deps.presentities.ofMailbox(server, mailbox)])
        if (this.place(presentity, server)) count++;
    }
    return count;
  }

  /**
   * Gives the mailbox, whose subscription alone failed, to another server; false where there is none, or when it has just come
   * from one: a mailbox that no server can watch would else go round and round.
   */
  moveOnce(server: string, mailbox: Mailbox): boolean {
    const now = this.#deps.runtime.clock.now();
    for (const [moved, at] of this.#movedAt)
      if (at > now || plus(at, REST_AFTER_MOVE) <= now) this.#movedAt.delete(moved);
    if (this.#movedAt.has(mailbox) || this.evacuate(server, [mailbox]) === 0) return false;
    this.#movedAt.set(mailbox, now);
    return true;
  }

  /** Makes the spread even, in steps, from now until it is. */
  balance(): void {
    this.#cancelBalance ??= after(this.#deps.runtime.clock, MOVE_PACE, () => {
      this.#cancelBalance = undefined;
      if (this.#balanceOnce()) this.balance();
    });
  }

  /** Ends what was begun. */
  stop(): void {
    this.#cancelBalance?.();
  }

  #choose(presentity: Presentity, servers: readonly PlacementServer[], failed?: string): PoolMember | undefined {
    const members = servers.map((server) => this.#describe(server));
    return this.#sharersServer(presentity, members, failed) ?? chooseMember(members, failed);
  }

  #describe({ name, weight, isInService, isRetired }: PlacementServer): PoolMember {
    return { name, weight, isInService: isInService && !isRetired, load: this.#deps.presentities.countOn(name) };
  }

  /** A mailbox of several presentities is on one server. */
  #sharersServer({ user }: Presentity, candidates: readonly PoolMember[], failed?: string): PoolMember | undefined {
    return candidates.find(({ name, isInService }) => {
      if (!user || name === failed || !isInService) return false;
      for (const _sharer of this.#deps.presentities.ofMailbox(name, user.mailbox)) return true;
      return false;
    });
  }

  #put(presentity: Presentity, server: string): void {
    const from = presentity.server;
    this.#deps.presentities.place(presentity, server);
    this.#deps.journal.replaceServer(presentity.id, server);
    this.#deps.moved(presentity, from);
  }

  /** One batch of each pool whose spread is not even; true when something was moved. */
  #balanceOnce(): boolean {
    let hasMoved = false;
    for (const [pool, servers] of groupBy(this.#deps.servers(), (server) => server.pool)) {
      const move = planMove(servers.map((server) => this.#describe(server)));
      if (move && this.#carryOut(pool, move) > 0) hasMoved = true;
    }
    return hasMoved;
  }

  #carryOut(pool: string, { from, to, count }: PoolMove): number {
    const most = Math.min(count, MOVE_BATCH);
    const servers = this.#deps.servers();
    const isOfPool = (gateway = ""): boolean => gateway === pool || successionOf(gateway, servers).includes(pool);
    let moved = 0;
    for (const mailbox of [...this.#deps.mailboxesOf(from)]) {
      if (moved >= most) break;
      const sharers = [...this.#deps.presentities.ofMailbox(from, mailbox)];
      // One whose gateway is the server itself was put there by an administrator and stays.
      if (sharers.length === 0 || sharers.some(({ user }) => !isOfPool(user?.gateway))) continue;
      for (const presentity of sharers) this.#put(presentity, to);
      moved++;
    }
    if (moved > 0) this.#deps.runtime.log.info("calendar.mailboxes-moved", { from, to, mailboxes: moved });
    return moved;
  }
}
