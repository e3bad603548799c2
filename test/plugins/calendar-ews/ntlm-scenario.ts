import { NtlmAuthenticator, type NtlmOptions } from "../../doubles/exchange/ntlm-authentication.ts";
import type { Account } from "../../doubles/exchange/site.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { type Scenario, type ScenarioOptions, startScenario } from "./scenario.ts";

/** The service account of every NTLM scenario: by its Windows name, and by its principal name. */
export const NTLM_ACCOUNT: Account = {
  user: "EXAMPLE\\svc",
  password: "p:ä&s",
  mayImpersonate: true,
  mailbox: "svc@example.com",
};

/** A scenario whose server wants NTLM. */
export interface NtlmScenario extends Scenario {
  /** May be replaced while the server runs. */
  logins: NtlmAuthenticator;
}

/** Options of the server's logins, beside those that every scenario has. */
export type NtlmServer = Partial<NtlmOptions>;

/** The server's side of the logins, in the scenario's time. */
export const createLogins = (server: NtlmServer = {}): NtlmAuthenticator =>
  new NtlmAuthenticator({ accounts: [NTLM_ACCOUNT], now: () => MONDAY_MORNING, ...server });

/** Starts a scenario with an NTLM login; `end` it. */
export async function startNtlmScenario(server: NtlmServer = {}, given: ScenarioOptions = {}): Promise<NtlmScenario> {
  let logins = createLogins(server);
  const scenario = await startScenario({
    ...given,
    exchange: {
      accounts: [NTLM_ACCOUNT],
      authenticator: { authenticate: (request) => logins.authenticate(request) },
      ...given.exchange,
    },
    options: { account: NTLM_ACCOUNT.user, password: NTLM_ACCOUNT.password, ...given.options },
  });
  return {
    ...scenario,
    get logins() {
      return logins;
    },
    set logins(next) {
      logins = next;
    },
  };
}
