import type { BusyAnswer, BusyForm } from "./faults.ts";
import type { Call, Site } from "./site.ts";
import { EwsFault } from "./soap.ts";
import type { ExchangeStats, ThrottledResource } from "./stats.ts";
import { type ExchangeVersion, isExchange2007, isExchange2010 } from "./versions.ts";

/** One limit of a throttling policy. */
export type Limit = number | "unlimited";

/** The limits of the throttling policy that clients meet; what is left out has the version's default. */
export interface Budgets {
  /** EWSMaxConcurrency: requests at a time, streaming not counted. */
  readonly maxConcurrency: Limit;
  /** EWSMaxSubscriptions. */
  readonly maxSubscriptions: Limit;
  /** HangingConnectionLimit: streaming connections at a time. */
  readonly hangingConnectionLimit: Limit;
  /** Time that may be spent; without it time is not limited. */
  readonly time?: TimeBudget;
}

/** EwsMaxBurst, EwsRechargeRate (in an hour) and EwsCutoffBalance, all in milliseconds of the server's time. */
export interface TimeBudget {
  readonly maxBurst: number;
  readonly rechargeRate: number;
  readonly cutoffBalance: number;
  /** What a call costs. */
  readonly cost: (call: Call) => number;
  /** How the refusal is worded; default a SOAP fault. */
  readonly form?: BusyForm;
}

/** The default policy of Exchange 2013 and later, for a call of the given cost. */
export const defaultTimeBudget = (cost: TimeBudget["cost"]): TimeBudget => ({
  maxBurst: 300_000,
  rechargeRate: 900_000,
  cutoffBalance: 3_000_000,
  cost,
});

/** The limits of Exchange Online, which no administrator can change. */
export const ONLINE_BUDGETS: Budgets = { maxConcurrency: 27, maxSubscriptions: 20, hangingConnectionLimit: 10 };

function defaultsOf(version: ExchangeVersion): Budgets {
  // Throttling policies came with Exchange 2010.
  if (isExchange2007(version))
    return { maxConcurrency: "unlimited", maxSubscriptions: "unlimited", hangingConnectionLimit: "unlimited" };
  const maxConcurrency = isExchange2010(version) ? 10 : 27;
  const hangingConnectionLimit = isExchange2010(version) || version === "exchange2013sp1" ? 3 : 10;
  return { maxConcurrency, maxSubscriptions: 5000, hangingConnectionLimit };
}

type Counted = Exclude<ThrottledResource, "time">;
type Caller = Pick<Call, "account" | "impersonated">;

interface Balance {
  readonly amount: number;
  readonly at: number;
  readonly isLocked: boolean;
}

/** Counts what each budget holder uses and refuses what is over its limits. */
export class Throttle {
  readonly #limits: Readonly<Record<Counted, Limit>>;
  readonly #time: TimeBudget | undefined;
  readonly #used = new Map<string, number>();
  readonly #balances = new Map<string, Balance>();
  readonly #site: Pick<Site, "version" | "clock">;
  readonly #stats: Pick<ExchangeStats, "countThrottled" | "noteUse">;

  constructor(
    site: Pick<Site, "version" | "clock">,
    budgets: Partial<Budgets>,
    stats: Pick<ExchangeStats, "countThrottled" | "noteUse">,
  ) {
    const { maxConcurrency, maxSubscriptions, hangingConnectionLimit, time } = {
      ...defaultsOf(site.version),
      ...budgets,
    };
    this.#site = site;
    this.#stats = stats;
    this.#time = time;
    this.#limits = {
      request: maxConcurrency,
      subscription: maxSubscriptions,
      "streaming-connection": hangingConnectionLimit,
    };
  }

  /** Takes one of the resource for the call's budget holder; call the returned function once to give it back. */
  take(resource: Counted, call: Caller): () => void {
    const key = `${resource} ${holderOf(resource, call, this.#site.version)}`;
    const used = this.#used.get(key) ?? 0;
    const limit = this.#limits[resource];
    if (limit !== "unlimited" && used >= limit) {
      this.#stats.countThrottled(resource);
      throw overBudget(resource);
    }
    this.#used.set(key, used + 1);
    this.#stats.noteUse(resource, used + 1);
    return () => this.#giveBack(key);
  }

  /** Takes the call's cost from the holder's time; what to answer when there is none left. */
  spend(call: Call): BusyAnswer | undefined {
    if (this.#time === undefined) return undefined;
    const { form = "fault500", cost, rechargeRate } = this.#time;
    const holder = holderOf("time", call, this.#site.version);
    const balance = this.#recharged(holder, this.#time);
    if (balance.isLocked) {
      this.#balances.set(holder, balance);
      this.#stats.countThrottled("time");
      return { form, backOffMilliseconds: Math.ceil((-balance.amount * 3_600_000) / rechargeRate) };
    }
    this.#balances.set(holder, { ...balance, amount: balance.amount - cost(call) });
    return undefined;
  }

  // A holder that is below the cut-off stays locked out until its balance is restored.
  #recharged(holder: string, { maxBurst, rechargeRate, cutoffBalance }: TimeBudget): Balance {
    const at = this.#site.clock.now();
    const before = this.#balances.get(holder) ?? { amount: maxBurst, at, isLocked: false };
    const amount = Math.min(maxBurst, before.amount + ((at - before.at) * rechargeRate) / 3_600_000);
    return { amount, at, isLocked: amount < (before.isLocked ? 0 : -cutoffBalance) };
  }

  #giveBack(key: string): void {
    const left = (this.#used.get(key) ?? 0) - 1;
    if (left > 0) this.#used.set(key, left);
    else this.#used.delete(key);
  }
}

/**
 * Whom a call is charged to. Under impersonation that is the target mailbox. Until Exchange 2010 SP2 RU4 subscriptions
 * were the calling account's; of concurrency in 2010 the strictest reading is played, which is the account's too.
 */
function holderOf(resource: ThrottledResource, { account, impersonated }: Caller, version: ExchangeVersion): string {
  const isOfAccount =
    (resource === "request" && isExchange2010(version)) ||
    (resource === "subscription" && (version === "exchange2010sp1" || version === "exchange2010sp2"));
  return impersonated === undefined || isOfAccount ? `account ${account.user}` : `mailbox ${impersonated.smtp}`;
}

function overBudget(resource: Counted): EwsFault {
  if (resource === "subscription") {
    return new EwsFault(
      "ErrorExceededSubscriptionCount",
      "You have exceeded the available subscriptions for your account. Remove unnecessary subscriptions and try your request again.",
    );
  }
  return new EwsFault(
    "ErrorExceededConnectionCount",
    "You have exceeded the available concurrent connections for your account. Try again once your other requests have completed.",
  );
}
