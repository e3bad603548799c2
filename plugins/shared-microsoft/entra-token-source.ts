import type { NodeAuthOptions } from "@azure/msal-node";
import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import { hours, type Instant, minutes, plus, seconds } from "../../src/lib/time.ts";
import { GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { orAborted } from "../shared-http/or-aborted.ts";
import type { WebClient } from "../shared-http/web-client.ts";
import type { CertificateCredential } from "./certificate-credential.ts";
import { entraError } from "./entra-errors.ts";
import { EntraNetwork } from "./entra-network.ts";
import type { TokenSource } from "./token-source.ts";

/** How an application proves that it is the one. */
export type ApplicationCredential =
  | { readonly secret: string }
  | { readonly certificate: Pick<CertificateCredential, "thumbprintSha256" | "privateKey" | "chain"> };

/** Whose tokens, for what, and from where. */
export interface EntraOptions {
  /** Origin of the token authority. */
  readonly authority: URL;
  /** Directory (tenant) ID or one of the tenant's domains. */
  readonly tenant: string;
  /** Application (client) ID. */
  readonly client: string;
  readonly credential: ApplicationCredential;
  /** Origin of the service that takes the token. */
  readonly resource: URL;
  readonly web: WebClient;
  readonly clock: Clock;
  /** Told with each token that was had by a certificate: its PEM. */
  readonly proved: (chain: string) => void;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}

interface HeldToken {
  readonly text: string;
  readonly fetchedAt: Instant;
  readonly renewAt: Instant;
  readonly usableUntil: Instant;
}

interface Rest {
  readonly error: GatewayError;
  readonly failures: number;
  readonly since: Instant;
  readonly until: Instant;
}

// The request that the token is for takes a while too, and clocks differ.
const MARGIN = minutes(2);
// One that is refused so soon after it was made is not refused for its age: another would fare no better.
const SHORTEST_USE = minutes(1);
// A wrong or expired secret is mended by people; a service that is away comes back by itself.
const PATIENCE = {
  auth: { first: minutes(5), longest: hours(1) },
  other: { first: seconds(2), longest: minutes(1) },
} as const satisfies Readonly<Record<string, BackoffPolicy>>;

/** Tokens of an application (OAuth 2.0 client credentials, RFC 6749 4.4) by msal: held in memory, fetched one at a time. */
export class EntraTokenSource implements TokenSource {
  readonly #options: EntraOptions;
  readonly #lifetime = new AbortController();
  #held: HeldToken | undefined;
  #rest: Rest | undefined;
  #fetching: Promise<HeldToken> | undefined;

  constructor(options: EntraOptions) {
    this.#options = options;
  }

  async token(signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const now = this.#options.clock.now();
    const held = this.#held;
    if (!held || now < held.fetchedAt || now >= held.usableUntil) {
      if (!this.#fetching) this.#throwWhileResting(now);
      return (await orAborted(this.#fetchOnce(), signal)).text;
    }
    // What goes wrong now is told when the old one is over.
    if (now >= held.renewAt && !this.#restError(now)) this.#fetchOnce().catch(() => undefined);
    return held.text;
  }

  /** Fetches one whatever failed before: only when an administrator asks. */
  async fetchNow(signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    return (await orAborted(this.#fetchOnce(), signal)).text;
  }

  refuse(token: string): void {
    const held = this.#held;
    if (held?.text !== token || this.#options.clock.now() < plus(held.fetchedAt, SHORTEST_USE)) return;
    this.#held = undefined;
  }

  /** Forgets the token; what waits for one is rejected with the reason. */
  close(reason: GatewayError): void {
    this.#held = undefined;
    this.#lifetime.abort(reason);
  }

  #fetchOnce(): Promise<HeldToken> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<HeldToken> {
    const { clock, random } = this.#options;
    try {
      const { text, lifetime } = await this.#acquire();
      const now = clock.now();
      const renewAt = plus(now, lifetime * (0.5 + 0.25 * random()));
      const usableUntil = plus(now, Math.max(lifetime - MARGIN, lifetime / 2));
      this.#lifetime.signal.throwIfAborted();
      this.#held = { text, fetchedAt: now, renewAt, usableUntil };
      this.#rest = undefined;
      return this.#held;
    } catch (error) {
      this.#lifetime.signal.throwIfAborted();
      throw this.#failed(toGatewayError(error));
    }
  }

  async #acquire(): Promise<{ readonly text: string; readonly lifetime: number }> {
    const { web, resource, authority, credential, proved } = this.#options;
    const network = new EntraNetwork(web, authority, this.#lifetime.signal);
    // Loaded with the first token: gateways without Office 365 need not pay for it.
    const { ConfidentialClientApplication } = await import("@azure/msal-node");
    try {
      // A new one each time, so that no token stays in its cache.
      const auth = authOptions(this.#options);
      const system = { networkClient: network, disableInternalRetries: true };
      const application = new ConfidentialClientApplication({ auth, system });
      const scopes = [`${resource.origin}/.default`];
      const result = await application.acquireTokenByClientCredential({ scopes, skipCache: true });
      if (!result || network.expiresIn === undefined) throw new Error("no token");
      if ("certificate" in credential) proved(credential.certificate.chain);
      return { text: result.accessToken, lifetime: seconds(network.expiresIn) };
    } catch {
      if (network.failure !== undefined) throw network.failure;
      // Without the cause: what msal says may quote what it was given.
      throw entraError("entra-bad-answer", `${authority.host}: no valid token came`);
    }
  }

  #failed(error: GatewayError): GatewayError {
    const { clock, random } = this.#options;
    const now = clock.now();
    const failures = (this.#rest?.failures ?? 0) + 1;
    const policy = error.type === "wait" ? PATIENCE.other : PATIENCE.auth;
    const wait = Math.max(backoffDelay(policy, failures, random()), error.retryAfter ?? 0);
    this.#rest = { error, failures, since: now, until: plus(now, wait) };
    return error;
  }

  #throwWhileResting(now: Instant): void {
    const error = this.#restError(now);
    if (error) throw error;
  }

  /** The last failure while it is too early to try again; never when the clock was set back. */
  #restError(now: Instant): GatewayError | undefined {
    if (!this.#rest || now >= this.#rest.until || now < this.#rest.since) return undefined;
    const { message, type, code, cause } = this.#rest.error;
    return new GatewayError(message, { type, code, cause, retryAfter: this.#rest.until - now });
  }
}

/** What msal is told: where the endpoint is, so that it need not ask. */
function authOptions({ authority, tenant, client, credential }: EntraOptions): NodeAuthOptions {
  const base = `${authority.origin}/${encodeURIComponent(tenant)}`;
  const metadata = {
    token_endpoint: `${base}/oauth2/v2.0/token`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    issuer: `${base}/v2.0`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
  };
  const known = {
    clientId: client,
    authority: base,
    knownAuthorities: [authority.host],
    authorityMetadata: JSON.stringify(metadata),
  };
  if ("secret" in credential) return { ...known, clientSecret: credential.secret };
  const { thumbprintSha256, privateKey, chain } = credential.certificate;
  return { ...known, clientCertificate: { thumbprintSha256, privateKey, x5c: chain } };
}
