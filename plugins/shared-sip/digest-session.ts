import { type Instant, minutes, plus } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import {
  answerChallenge,
  chooseChallenge,
  type DigestChallenge,
  type DigestRequest,
  type DigestUser,
} from "./digest.ts";
import { sipError } from "./sip-errors.ts";
import type { SipMessage } from "./sip-message.ts";
import type { SipHeader } from "./sip-server.ts";

/** After a refusal no login is tried for so long: thousands of wrong ones would lock the account. */
const PAUSE = minutes(1);
/** One server has one realm or two; more is a server that makes them up. */
const MOST_REALMS = 4;

interface Login {
  readonly header: "Authorization" | "Proxy-Authorization";
  readonly challenge: DigestChallenge;
  /** How often the nonce was used. */
  count: number;
}

/** The tries of one request: which nonces were refused to it. */
export class DigestTries {
  readonly refused = new Set<string>();
  challenges = 0;
}

/** Logs requests in: one nonce serves many requests, with a count that rises (RFC 7616 3.4). */
export class DigestSession {
  readonly #account: DigestUser | undefined;
  readonly #makeId: () => string;
  readonly #logins = new Map<string, Login>();
  #refusal: { readonly error: GatewayError; readonly until: Instant } | undefined;

  constructor(account: DigestUser | undefined, makeId: () => string) {
    this.#account = account;
    this.#makeId = makeId;
  }

  /** The headers that log the request in, as far as nonces are known. Throws while logins are refused. */
  authorize(request: DigestRequest, now: Instant): readonly SipHeader[] {
    if (this.#refusal && now < this.#refusal.until) throw this.#refusal.error;
    const account = this.#account;
    if (!account || this.#logins.size === 0) return [];
    return [...this.#logins.values()].map((login) => {
      const turn = { count: ++login.count, cnonce: this.#makeId() };
      return [login.header, answerChallenge(login.challenge, account, request, turn)] as const;
    });
  }

  /** Takes the challenge of a 401 or 407 to a request; the request is to be sent again. Throws when that is of no use. */
  accept(response: SipMessage, status: number, tries: DigestTries, now: Instant): void {
    const isProxy = status === 407;
    const challenge = chooseChallenge(response.headers(isProxy ? "Proxy-Authenticate" : "WWW-Authenticate"));
    if (!challenge || !this.#account)
      throw sipError(
        "sip-login-unsupported",
        this.#account ? "the SIP server offers no digest that is known here" : "the SIP server wants a login",
      );
    const header = isProxy ? "Proxy-Authorization" : "Authorization";
    const key = `${header} ${challenge.realm}`;
    const used = this.#logins.get(key)?.challenge.nonce;
    // One answer to a fresh challenge, and one more when only the nonce was too old meanwhile.
    const isRefusal = tries.refused.has(key) && !challenge.isStale;
    if (isRefusal || ++tries.challenges > 3) this.#refuse(challenge.realm, now);
    if (used !== challenge.nonce) {
      if (this.#logins.size >= MOST_REALMS) this.#logins.clear();
      this.#logins.set(key, { header, challenge, count: 0 });
    }
    tries.refused.add(key);
  }

  #refuse(realm: string, now: Instant): never {
    this.#logins.clear();
    const error = sipError(
      "sip-login-failed",
      `the SIP server refuses the gateway's login to ${JSON.stringify(realm)}`,
    );
    this.#refusal = { error, until: plus(now, PAUSE) };
    throw error;
  }
}
