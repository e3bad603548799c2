import type { Socket } from "node:net";
import type { buildConnector } from "undici";
import { type Instant, minutes } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { HttpProxy, Trust } from "../../src/ports/trust.ts";
import { openTunnel, ProxyError, proxyConnector, type TunnelTarget } from "./proxy-tunnel.ts";

/** What a route is made of. */
export interface ProxyRouteOptions {
  readonly proxy: HttpProxy;
  readonly trust: Trust;
  /** PEM text of authorities that are trusted too. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
}

// Directories lock accounts after a handful of refused passwords, and many connections are made at a time.
const REST_AFTER_REFUSAL = minutes(5);

/** The way to servers by one proxy; a login that the proxy refused rests, so that the account is not locked out. */
export class ProxyRoute {
  readonly #options: ProxyRouteOptions;
  readonly #connect: buildConnector.connector;
  #refusal: { readonly error: ProxyError; readonly at: Instant } | undefined;
  #first: Promise<unknown> | undefined;
  #isProven = false;

  constructor(options: ProxyRouteOptions) {
    this.#options = options;
    this.#connect = proxyConnector(options.trust, options.ca);
  }

  /** The proxy that it goes by. */
  get proxy(): HttpProxy {
    return this.#options.proxy;
  }

  /** Opens a tunnel, unless a refused login rests. Rejects with ProxyError; takes 40 s at most. */
  async open(target: TunnelTarget): Promise<Socket> {
    // Until the login is proven one connection goes first: ten at once would be ten refusals of one account.
    if (this.#first && !this.#isProven) await this.#first;
    this.#checkRest();
    const attempt = this.openNow(target, new AbortController().signal);
    if (this.#isProven) return attempt;
    const first = attempt
      .catch(() => undefined)
      .finally(() => {
        if (this.#first === first) this.#first = undefined;
      });
    this.#first = first;
    return attempt;
  }

  /** Opens a tunnel whatever was refused before: only when an administrator asks. */
  async openNow(target: TunnelTarget, signal: AbortSignal): Promise<Socket> {
    try {
      const socket = await openTunnel(this.#options.proxy, target, this.#connect, signal);
      this.#isProven = true;
      this.#refusal = undefined;
      return socket;
    } catch (error) {
      if (error instanceof ProxyError && error.failure === "unauthorized") this.#noteRefusal(error);
      throw error;
    }
  }

  #noteRefusal(error: ProxyError): void {
    this.#isProven = false;
    this.#refusal = { error, at: this.#options.clock.now() };
  }

  #checkRest(): void {
    if (!this.#refusal) return;
    const age = this.#options.clock.now() - this.#refusal.at;
    if (age >= 0 && age < REST_AFTER_REFUSAL) throw this.#refusal.error; // below 0 when the clock was set back
  }
}
