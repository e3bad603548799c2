import type { Mailbox } from "../../../src/core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../../../src/lib/backoff.ts";
import { hours, type Instant, type Milliseconds, minutes, plus } from "../../../src/lib/time.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import { type GatewayError, toGatewayError } from "../../../src/ports/errors.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import { concernsMailbox, isEwsError } from "../ews-errors.ts";
import type { Discovered } from "./discovery.ts";
import { type HostRule, mayBeTold } from "./host-rule.ts";
import { endpointKey, type Place, placeKey } from "./place.ts";

/** What the places are made of. */
export interface MailboxPlacesDeps {
  readonly rule: HostRule;
  readonly runtime: Runtime;
  /** Asks Autodiscover, when the account's password is known to be right. */
  readonly discover: (mailboxes: readonly Mailbox[], signal: AbortSignal) => Promise<Discovered>;
}

interface Known {
  readonly at: Instant;
  /** Undefined: the server was asked and knows none. */
  readonly place: Place | undefined;
}

interface Rest {
  readonly failures: number;
  readonly until: Instant;
  readonly error: GatewayError;
}

const LIFETIME: Milliseconds = hours(24);
// One who has no place yet may be given a mailbox soon.
const LIFETIME_OF_NOTHING: Milliseconds = hours(1);
const REST: BackoffPolicy = { first: minutes(5), longest: hours(1) };
// How long a server that Autodiscover names and that fails is not used: the configured one serves meanwhile.
const AVOIDED: Milliseconds = hours(1);
const PORTION = 1000;
// For what none of the mailboxes of a request could be asked.
const EVERYTHING = "*";

const domainOf = (mailbox: Mailbox): string => mailbox.slice(mailbox.lastIndexOf("@") + 1);

/** Where mailboxes are: what Autodiscover said, kept in memory for a day and forgotten when it proves wrong. */
export class MailboxPlaces {
  readonly #deps: MailboxPlacesDeps;
  readonly #known = new Map<Mailbox, Known>();
  /** Thousands of mailboxes have a handful of places: one object each. */
  readonly #places = new Map<string, Place>();
  /** What is not asked for a while, by domain. */
  readonly #rests = new Map<string, Rest>();
  readonly #avoided = new Map<string, Instant>();
  readonly #refusedHosts = new Set<string>();

  constructor(deps: MailboxPlacesDeps) {
    this.#deps = deps;
  }

  /**
   * One text for each mailbox, in order, equal for those that are best watched together; empty where nothing is known.
   * Rejects when nothing could be learnt of any.
   */
  async locate(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    const unknown = mailboxes.filter((mailbox) => !this.#isFresh(mailbox));
    const askable = unknown.filter((mailbox) => !this.#restOf(mailbox));
    // In portions: when the caller gives up, what was learnt until then is kept.
    for (let start = 0; start < askable.length; start += PORTION) {
      const portion = askable.slice(start, start + PORTION).filter((mailbox) => !this.#restOf(mailbox));
      if (portion.length > 0) await this.#ask(portion, signal);
    }
    const keys = mailboxes.map((mailbox) => this.#keyOf(mailbox));
    const [first] = mailboxes;
    const rest = first && keys.every((key) => key === "") ? this.#restOf(first) : undefined;
    if (rest) throw rest.error;
    return keys;
  }

  /** Where these are watched together; undefined: at the configured server. */
  urlFor(mailboxes: readonly Mailbox[]): URL | undefined {
    const urls = new Map<string, URL | undefined>();
    for (const mailbox of mailboxes) {
      const url = this.#known.get(mailbox)?.place?.url;
      urls.set(url ? endpointKey(url) : "", url);
    }
    const [only] = urls.values();
    return urls.size === 1 && only && this.#isUsable(only) ? only : undefined;
  }

  /** A watch of these, where `urlFor` said: what it tells of moved mailboxes and dead servers is taken to heart. */
  async *watch(
    mailboxes: readonly Mailbox[],
    watch: (url: URL | undefined) => AsyncIterable<CalendarChange>,
  ): AsyncGenerator<CalendarChange, void> {
    const url = this.urlFor(mailboxes);
    try {
      for await (const change of watch(url)) {
        if (change.kind === "failed" && (url || isMoved(change.error))) this.#known.delete(change.mailbox);
        yield change;
      }
    } catch (error) {
      if (isMoved(error)) for (const mailbox of mailboxes) this.#known.delete(mailbox);
      else if (url && !isEwsError(error, "ews-throttled", "ews-stopped") && !concernsMailbox(error)) this.#avoid(url);
      throw error;
    }
  }

  /** For the health: how many mailboxes are at how many places, and what does not work. */
  get detail(): string {
    const now = this.#deps.runtime.clock.now();
    const found = [...this.#known.values()].flatMap(({ place }) => place ?? []);
    const rests = [...this.#rests.values()].filter(({ until }) => until > now);
    const refused = [...this.#refusedHosts].sort().join(", ");
    return [
      `Autodiscover: ${found.length} mailboxes at ${new Set(found).size} places`,
      ...(refused === "" ? [] : [`not watched at ${refused} (see autodiscover-hosts)`]),
      ...rests.map(({ error }) => `failed: ${error.message}`).slice(0, 1),
    ].join(", ");
  }

  async #ask(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<void> {
    try {
      const { places, failures } = await this.#deps.discover(mailboxes, signal);
      const at = this.#deps.runtime.clock.now();
      for (const mailbox of mailboxes) {
        const error = failures.get(mailbox);
        if (error) this.#rest(domainOf(mailbox), error);
        else this.#known.set(mailbox, { at, place: this.#kept(places.get(mailbox)) });
        if (!error) this.#rests.delete(domainOf(mailbox));
      }
      this.#rests.delete(EVERYTHING);
    } catch (error) {
      signal.throwIfAborted();
      this.#rest(EVERYTHING, toGatewayError(error));
    }
  }

  #rest(what: string, error: GatewayError): void {
    const { clock, log } = this.#deps.runtime;
    const now = clock.now();
    const before = this.#rests.get(what);
    if (before && before.until > now) return; // one failure of many mailboxes
    const failures = (before?.failures ?? 0) + 1;
    const length = Math.max(backoffDelay(REST, failures, 1), error.retryAfter ?? 0);
    this.#rests.set(what, { failures, until: plus(now, length), error });
    if (!before) log.warn("ews.autodiscover-failed", { domain: what, code: error.code, message: error.message });
  }

  #restOf(mailbox: Mailbox): Rest | undefined {
    const now = this.#deps.runtime.clock.now();
    return [EVERYTHING, domainOf(mailbox)]
      .flatMap((what) => this.#rests.get(what) ?? [])
      .find(({ until }) => until > now);
  }

  #isFresh(mailbox: Mailbox): boolean {
    const known = this.#known.get(mailbox);
    const age = known ? this.#deps.runtime.clock.now() - known.at : Number.POSITIVE_INFINITY;
    return age >= 0 && age < (known?.place ? LIFETIME : LIFETIME_OF_NOTHING); // below 0: the clock was set back
  }

  #keyOf(mailbox: Mailbox): string {
    const place = this.#known.get(mailbox)?.place;
    return place ? placeKey(place) : "";
  }

  #kept(place: Place | undefined): Place | undefined {
    if (!place) return undefined;
    const key = placeKey(place);
    const kept = this.#places.get(key) ?? place;
    this.#places.set(key, kept);
    return kept;
  }

  #isUsable(url: URL): boolean {
    const { rule, runtime } = this.#deps;
    if (endpointKey(url) === endpointKey(rule.server)) return false; // that is the configured one
    if (!mayBeTold(url, rule)) {
      if (!this.#refusedHosts.has(url.host)) runtime.log.warn("ews.place-not-allowed", { host: url.host });
      this.#refusedHosts.add(url.host);
      return false;
    }
    const until = this.#avoided.get(endpointKey(url));
    return until === undefined || until <= runtime.clock.now();
  }

  #avoid(url: URL): void {
    const { clock, log } = this.#deps.runtime;
    log.warn("ews.place-avoided", { host: url.host });
    this.#avoided.set(endpointKey(url), plus(clock.now(), AVOIDED));
  }
}

/** ErrorProxyRequestNotAllowed, ErrorMailboxMoveInProgress and their like, and lost subscriptions: it may be elsewhere now. */
const isMoved = (error: unknown): boolean => isEwsError(error, "ews-mailbox-moving", "ews-subscription-lost");
