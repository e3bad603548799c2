import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from "@azure/msal-node";
import { z } from "zod";
import { seconds } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import { parseLimitedJson } from "../shared-http/limited-json.ts";
import { retryAfterOf } from "../shared-http/retry-after.ts";
import { type WebAnswer, type WebClient, WebError } from "../shared-http/web-client.ts";
import { ENTRA_FAILURES, entraCodeOf, entraError } from "./entra-errors.ts";

// Real answers have some 2 kB, and come within a second.
const LIMITS = { timeout: seconds(20), maxBytes: 64 * 1024 };

/** RFC 6749 5.1; the token itself is msal's business. */
const granted = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().int().positive() });

/** RFC 6749 5.2 with Microsoft's numbers. */
const refused = z.object({
  error: z.string(),
  error_codes: z.array(z.number().int()).max(20).optional().catch(undefined),
  error_description: z.string().optional().catch(undefined),
});

/** The network for one token request of msal: ours, and nothing goes out but the POST for the token. */
export class EntraNetwork implements INetworkModule {
  readonly #web: WebClient;
  readonly #endpoint: URL;
  readonly #signal: AbortSignal;
  /** What kept the token from coming: msal wraps errors in its own. */
  failure: unknown;
  /** Seconds that the token is good for. */
  expiresIn: number | undefined;

  constructor(web: WebClient, endpoint: URL, signal: AbortSignal) {
    this.#web = web;
    this.#endpoint = endpoint;
    this.#signal = signal;
  }

  async sendGetRequestAsync<Body>(): Promise<NetworkResponse<Body>> {
    throw this.#failed(entraError("entra-bad-answer", `${this.#endpoint.host}: a request beside that for the token`));
  }

  async sendPostRequestAsync<Body>(url: string, options: NetworkRequestOptions = {}): Promise<NetworkResponse<Body>> {
    if (new URL(url).origin !== this.#endpoint.origin) return this.sendGetRequestAsync();
    try {
      const answer = await this.#post(new URL(url), options);
      this.expiresIn = this.#check(answer);
      const body: Body = JSON.parse(answer.text);
      return { status: answer.status, headers: {}, body };
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async #post(url: URL, { headers, body }: NetworkRequestOptions): Promise<WebAnswer> {
    const lower = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
    try {
      const request = { method: "POST", url, headers: Object.fromEntries(lower), body } as const;
      return await this.#web.send(request, LIMITS, this.#signal);
    } catch (error) {
      if (!(error instanceof WebError)) throw error;
      throw entraError(ENTRA_FAILURES[error.failure], error.message, { cause: error });
    }
  }

  /** How many seconds the token is good for; throws GatewayError for an answer without one. */
  #check({ status, header, text }: WebAnswer): number {
    const { host } = this.#endpoint;
    const retryAfter = retryAfterOf(header("retry-after"));
    if (status === 429) throw entraError("entra-throttled", `${host}: too many requests`, retryAfter);
    if (status >= 500)
      throw entraError("entra-unavailable", `${host}: the service answered HTTP ${status}`, retryAfter);
    const body = parseLimitedJson(text);
    const token = granted.safeParse(body);
    if (status === 200 && token.success) return token.data.expires_in;
    const refusal = refused.safeParse(body);
    if (!refusal.success)
      throw entraError("entra-bad-answer", `${host}: no answer of a token service (HTTP ${status})`);
    throw this.#refusal(refusal.data);
  }

  /** Only the number is told: the description has ids of the request, and is not ours. */
  #refusal({ error_codes, error_description = "" }: z.infer<typeof refused>): GatewayError {
    const number = String(error_codes?.[0] ?? /AADSTS(\d{4,9})/.exec(error_description)?.[1] ?? "");
    const name = number === "" ? "without a number" : `AADSTS${number}`;
    return entraError(entraCodeOf(number), `${this.#endpoint.host}: no token (${name})`);
  }

  #failed(error: unknown): unknown {
    this.failure ??= error;
    return error;
  }
}
