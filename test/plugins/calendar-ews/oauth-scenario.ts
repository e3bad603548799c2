import { ewsPlugin } from "../../../plugins/calendar-ews/index.ts";
import type { CreateTokens } from "../../../plugins/calendar-ews/login/application.ts";
import type { TokenSource } from "../../../plugins/shared-microsoft/token-source.ts";
import type { CalendarSource } from "../../../src/ports/calendar-source.ts";
import {
  BearerAuthenticator,
  encodeToken,
  FULL_ACCESS,
  type TokenClaims,
} from "../../doubles/exchange/bearer-authentication.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { type SimulatedExchange, startExchange } from "../../doubles/exchange/exchange.ts";
import { ONLINE_BUDGETS } from "../../doubles/exchange/throttling.ts";
import { createTestRuntime, type TestRuntime } from "../../doubles/test-runtime.ts";
import { createContext, until } from "./scenario.ts";

const AUDIENCE = "https://outlook.office365.com";

/** Makes tokens that live for an hour, as the test says; a refused one is replaced. */
export class ScriptedTokens implements TokenSource {
  /** Laid over the claims of tokens that are made from now on. */
  claims: Partial<TokenClaims> = {};
  /** When set, there is no token. */
  failure: Error | undefined;
  /** Tokens made. */
  made = 0;
  readonly refused: string[] = [];
  readonly #now: () => number;
  #held: { readonly text: string; readonly until: number } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  async token(): Promise<string> {
    if (this.failure) throw this.failure;
    if (this.#held && this.#held.until > this.#now()) return this.#held.text;
    const exp = Math.floor(this.#now() / 1000) + 3600;
    const claims = {
      aud: AUDIENCE,
      exp,
      appid: "11111111-2222-4333-8444-555555555555",
      roles: [FULL_ACCESS],
      ...this.claims,
    };
    this.#held = { text: encodeToken({ ...claims, jti: String(++this.made) }), until: this.#now() + 3_500_000 };
    return this.#held.text;
  }

  refuse(token: string): void {
    this.refused.push(token);
    if (this.#held?.text === token) this.#held = undefined;
  }
}

/** Exchange Online in simulated time, and a source that logs in there as an application. */
export interface OnlineScenario {
  readonly exchange: SimulatedExchange;
  readonly authenticator: BearerAuthenticator;
  readonly tokens: ScriptedTokens;
  readonly runtime: TestRuntime;
  readonly source: CalendarSource;
  readonly signal: AbortSignal;
  end(): Promise<void>;
}

/** The plugin with these tokens. */
export const pluginWith = (tokens: TokenSource) => ewsPlugin((() => tokens) satisfies CreateTokens);

/** Starts the scenario; `end` it. */
export async function startOnlineScenario(): Promise<OnlineScenario> {
  const runtime = createTestRuntime();
  const now = () => runtime.clock.now();
  const authenticator = new BearerAuthenticator({ audience: AUDIENCE, now });
  const clock = followClock(runtime.clock);
  const exchange = await startExchange({ accounts: [], authenticator, clock, budgets: ONLINE_BUDGETS });
  const tokens = new ScriptedTokens(now);
  const plugin = pluginWith(tokens);
  const given = {
    auth: "oauth" as const,
    url: exchange.url,
    tenant: "example.com",
    client: "11111111-2222-4333-8444-555555555555",
    secret: "s",
  };
  const source = plugin.create(plugin.options.parse(given), createContext(runtime));
  const ended = new AbortController();
  await source.start(ended.signal);
  return {
    exchange,
    authenticator,
    tokens,
    runtime,
    source,
    signal: ended.signal,
    async end() {
      const stopped = source.stop();
      await until(async () => {
        await runtime.clock.advance(100); // the farewell has two seconds
        return source.health().state === "stopped";
      });
      await stopped;
      ended.abort(new Error("the scenario is over"));
      await exchange.stop();
    },
  };
}
