import type { IncomingMessage } from "node:http";
import type { AuthenticationResult, Authenticator } from "./authentication.ts";

/** The claims of a token that Exchange Online looks at; times in seconds, as in JWT (RFC 7519 4.1). */
export interface TokenClaims {
  readonly aud: string;
  readonly exp: number;
  readonly appid: string;
  readonly roles: readonly string[];
}

/** The role that lets an application read every mailbox. */
export const FULL_ACCESS = "full_access_as_app";

/** A token in the shape of a JWT; nobody here verifies its signature. */
export const encodeToken = (claims: TokenClaims & { readonly jti?: string }): string =>
  [{ typ: "JWT", alg: "none" }, claims, "signature"]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");

/** What the server looks for in a token. */
export interface BearerOptions {
  readonly audience: string;
  /** Milliseconds. */
  readonly now: () => number;
}

/** OAuth as Exchange Online does it: audience, expiry and role are checked, and what is wrong is told in x-ms-diagnostics. */
export class BearerAuthenticator implements Authenticator {
  /** Why tokens were refused, in order. */
  readonly refused: string[] = [];
  /** X-AnchorMailbox of each request that was let in. */
  readonly anchors: (string | undefined)[] = [];
  readonly #options: BearerOptions;
  readonly #revoked = new Set<string>();
  #last = "";

  constructor(options: BearerOptions) {
    this.#options = options;
  }

  /** The token that was last taken is refused from now on. */
  revoke(): void {
    this.#revoked.add(this.#last);
  }

  authenticate(request: IncomingMessage): AuthenticationResult {
    const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const claims = decodeToken(token);
    const problem = this.#problemOf(token, claims);
    if (problem !== undefined || claims === undefined) return this.#refuse(problem ?? "");
    this.#last = token;
    const anchor = request.headers["x-anchormailbox"];
    this.anchors.push(typeof anchor === "string" ? anchor : undefined);
    return { account: { user: claims.appid, password: "", mayImpersonate: true, isApplication: true } };
  }

  #problemOf(token: string, claims: TokenClaims | undefined): string | undefined {
    const { audience, now } = this.#options;
    if (!claims) return token === "" ? "There is no token." : "The token is malformed.";
    if (claims.aud !== audience) return "The audience claim value is invalid for current resource.";
    if (claims.exp * 1000 <= now()) return "The token has expired.";
    if (this.#revoked.has(token)) return "The token has been revoked.";
    if (!claims.roles.includes(FULL_ACCESS))
      return "The token contains no permissions, or permissions can not be understood.";
    return undefined;
  }

  #refuse(reason: string): AuthenticationResult {
    this.refused.push(reason);
    return {
      challenges: ['Bearer client_id="00000002-0000-0ff1-ce00-000000000000", token_types="app_asserted_user_v1"'],
      headers: { "x-ms-diagnostics": `2000008;reason="${reason}";error_category="invalid_token"` },
    };
  }
}

function decodeToken(token: string): TokenClaims | undefined {
  try {
    const claims: TokenClaims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return Array.isArray(claims.roles) ? claims : undefined;
  } catch {
    return undefined;
  }
}
