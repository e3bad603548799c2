import { constants, createHash, verify, X509Certificate } from "node:crypto";
import type { ExchangeClock } from "../exchange/clock.ts";
import type { Caller, CloudAnswer, CloudRequest } from "./wire.ts";

/** One registered application of the tenant. */
export interface Application {
  readonly client: string;
  secret?: string;
  /** The secret is right and its time is over. */
  isSecretExpired?: boolean;
  /** PEM of the certificates that were uploaded. */
  certificates?: readonly string[];
  /** Application permissions with an administrator's consent. */
  roles: readonly string[];
  /** How long its tokens are good for, in seconds. */
  tokenLifetime?: number;
}

/** The tenant that the token endpoint knows. */
export interface Tenant {
  readonly id: string;
  readonly domain: string;
  readonly applications: readonly Application[];
  /** Origins of services beside Graph that tokens may be for. */
  readonly resources?: readonly string[];
}

interface IssuedToken extends Caller {
  readonly endsAt: number;
  readonly audience: string;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (text = ""): unknown => JSON.parse(Buffer.from(text, "base64url").toString("utf8"));

/** Microsoft Entra ID's token endpoint, for client credentials only. */
export class Entra {
  readonly #tenant: Tenant;
  readonly #clock: ExchangeClock;
  readonly #tokens = new Map<string, IssuedToken>();
  /** Forms that were posted, without what is secret. */
  readonly posts: { readonly scope: string; readonly way: "secret" | "certificate" | "none" }[] = [];

  constructor(tenant: Tenant, clock: ExchangeClock) {
    this.#tenant = tenant;
    this.#clock = clock;
  }

  /** True for a path of this service. */
  static isPath = (path: string): boolean => /^\/[^/]+\/oauth2\/v2\.0\/token$/.test(path);

  /** Whose token for the service it is; undefined for one that is not good any more. */
  callerOf(token: string, audience: string): Caller | undefined {
    const found = this.#tokens.get(token);
    return found && found.audience === audience && this.#clock.now() < found.endsAt ? found : undefined;
  }

  /** All tokens are worth nothing from now on. */
  revokeAll(): void {
    this.#tokens.clear();
  }

  answer({ method, url, body }: CloudRequest): CloudAnswer {
    if (method !== "POST") return refusal("invalid_request", 900561, "The endpoint only accepts POST requests.");
    const form = new URLSearchParams(body);
    const way = form.has("client_assertion") ? "certificate" : form.has("client_secret") ? "secret" : "none";
    this.posts.push({ scope: form.get("scope") ?? "", way });
    const [, tenant = ""] = url.pathname.split("/");
    if (![this.#tenant.id, this.#tenant.domain].includes(decodeURIComponent(tenant)))
      return refusal("invalid_request", 90002, `Tenant '${tenant}' not found.`);
    const application = this.#tenant.applications.find(({ client }) => client === form.get("client_id"));
    if (!application) return refusal("unauthorized_client", 700016, "Application was not found in the directory.");
    const scopes = form.get("scope")?.split(" ") ?? [];
    const audience = [url.origin, ...(this.#tenant.resources ?? [])].find((each) =>
      scopes.includes(`${each}/.default`),
    );
    if (audience === undefined)
      return refusal("invalid_scope", 70011, "The provided request must include a valid 'scope'.");
    return this.#refuse(application, form, url) ?? this.#issue(application, audience);
  }

  #refuse(application: Application, form: URLSearchParams, url: URL): CloudAnswer | undefined {
    const secret = form.get("client_secret");
    const assertion = form.get("client_assertion");
    if (assertion !== null) return this.#refuseAssertion(application, assertion, url);
    if (secret === null) return refusal("invalid_client", 7000218, "The request body must contain client_assertion.");
    if (secret !== application.secret) return refusal("invalid_client", 7000215, "Invalid client secret provided.");
    return application.isSecretExpired
      ? refusal("invalid_client", 7000222, "The provided client secret keys are expired.")
      : undefined;
  }

  /** RFC 7523 with Microsoft's header: `x5t#S256`, PS256 or RS256. */
  #refuseAssertion(application: Application, assertion: string, url: URL): CloudAnswer | undefined {
    const [head, payload, signature] = assertion.split(".");
    const header = new Map(Object.entries(Object(decode(head))));
    const claims = new Map(Object.entries(Object(decode(payload))));
    const wanted = header.get("x5t#S256");
    const pem = application.certificates?.find((each) => thumbprint(each) === wanted);
    const unknown = refusal(
      "invalid_client",
      700027,
      "The certificate with identifier used to sign the assertion is not registered.",
    );
    if (pem === undefined) return unknown;
    const key = {
      key: new X509Certificate(pem).publicKey,
      ...(header.get("alg") === "PS256" ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {}),
    };
    if (!verify("sha256", Buffer.from(`${head}.${payload}`), key, Buffer.from(signature ?? "", "base64url")))
      return unknown;
    const isForUs = claims.get("aud") === url.origin + url.pathname && claims.get("iss") === application.client;
    return isForUs ? undefined : refusal("invalid_client", 700023, "Client assertion audience does not match.");
  }

  #issue({ client, roles, tokenLifetime = 3599 }: Application, audience: string): CloudAnswer {
    const now = this.#clock.now();
    const endsAt = now + tokenLifetime * 1000;
    const times = { iat: Math.floor(now / 1000), exp: Math.floor(endsAt / 1000) };
    const claims = { aud: audience, tid: this.#tenant.id, appid: client, roles, jti: this.#tokens.size, ...times };
    const token = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}.c2ln`;
    this.#tokens.set(token, { client, roles, audience, endsAt });
    return { status: 200, body: { token_type: "Bearer", expires_in: tokenLifetime, access_token: token } };
  }
}

const thumbprint = (pem: string): string =>
  createHash("sha256").update(new X509Certificate(pem).raw).digest("base64url");

/** An error of the token endpoint. */
export const refusal = (error: string, number: number, text: string): CloudAnswer => ({
  status: error === "invalid_client" ? 401 : 400,
  body: {
    error,
    error_description: `AADSTS${number}: ${text} Trace ID: 00000000-0000-0000-0000-000000000000`,
    error_codes: [number],
    timestamp: "2026-11-23 09:00:00Z",
    error_uri: `https://login.example.com/error?code=${number}`,
  },
});
