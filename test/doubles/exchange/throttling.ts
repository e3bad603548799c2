import type { Call } from "./site.ts";
import { EwsFault } from "./soap.ts";
import { type ExchangeVersion, isExchange2010 } from "./versions.ts";

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
}

const DEFAULTS: Readonly<Record<ExchangeVersion, Budgets>> = {
  // Throttling policies came with Exchange 2010.
  exchange2007sp1: { maxConcurrency: "unlimited", maxSubscriptions: "unlimited", hangingConnectionLimit: "unlimited" },
  exchange2010sp1: { maxConcurrency: 10, maxSubscriptions: 5000, hangingConnectionLimit: 3 },
  exchange2010sp2: { maxConcurrency: 10, maxSubscriptions: 5000, hangingConnectionLimit: 3 },
  exchange2013sp1: { maxConcurrency: 27, maxSubscriptions: 5000, hangingConnectionLimit: 3 },
  exchange2016: { maxConcurrency: 27, maxSubscriptions: 5000, hangingConnectionLimit: 10 },
  exchange2019: { maxConcurrency: 27, maxSubscriptions: 5000, hangingConnectionLimit: 10 },
  exchangeSe: { maxConcurrency: 27, maxSubscriptions: 5000, hangingConnectionLimit: 10 },
};

type Resource = "request" | "subscription" | "streaming-connection";

/** Counts what each budget holder uses and refuses what is over its limits. */
export class Throttle {
  readonly #limits: Readonly<Record<Resource, Limit>>;
  readonly #used = new Map<string, number>();
  readonly #version: ExchangeVersion;

  constructor(version: ExchangeVersion, budgets: Partial<Budgets>) {
    const { maxConcurrency, maxSubscriptions, hangingConnectionLimit } = { ...DEFAULTS[version], ...budgets };
    this.#version = version;
    this.#limits = {
      request: maxConcurrency,
      subscription: maxSubscriptions,
      "streaming-connection": hangingConnectionLimit,
    };
  }

  /** Takes one of the resource for the call's budget holder; call the returned function once to give it back. */
  take(resource: Resource, call: Pick<Call, "account" | "impersonated">): () => void {
    const key = `${resource} ${this.#holder(call)}`;
    const used = this.#used.get(key) ?? 0;
    const limit = this.#limits[resource];
    if (limit !== "unlimited" && used >= limit) throw overBudget(resource);
    this.#used.set(key, used + 1);
    return () => this.#giveBack(key);
  }

  #giveBack(key: string): void {
    const left = (this.#used.get(key) ?? 0) - 1;
    if (left > 0) this.#used.set(key, left);
    else this.#used.delete(key);
  }

  // Since Exchange 2010 SP2 RU4 impersonation is charged to (a copy of) the target mailbox's budget, before it to the caller.
  #holder({ account, impersonated }: Pick<Call, "account" | "impersonated">): string {
    if (impersonated === undefined || isExchange2010(this.#version)) return `account ${account.user}`;
    return `mailbox ${impersonated.smtp}`;
  }
}

function overBudget(resource: Resource): EwsFault {
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
