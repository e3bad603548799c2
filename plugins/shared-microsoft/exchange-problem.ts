import { type ConnectionProblem, connectionProblem } from "../shared-http/connection-problems.ts";
import { HttpStatusError } from "../shared-http/http-head.ts";
import { ProxyError, type ProxyFailure } from "../shared-http/proxy-tunnel.ts";
import { LoginError, type LoginFailure } from "./login-error.ts";

/** What failed: the connection itself, the proxy, or the login on it. */
type ExchangeProblemKind = ConnectionProblem["kind"] | `proxy-${ProxyFailure}` | `login-${LoginFailure}`;

/** Why a request as an account had no answer. */
export interface ExchangeProblem {
  readonly kind: ExchangeProblemKind;
  /** For an administrator; names no server and ends without a full stop. */
  readonly text: string;
  /** HttpStatusError for a login that the server refused; else the error itself. */
  readonly cause: unknown;
}

/** What an error of the connection, of the proxy or of the login means. */
export function exchangeProblem(error: unknown): ExchangeProblem {
  if (error instanceof LoginError) return loginProblem(error);
  if (error instanceof ProxyError) {
    const text = `the proxy ${error.proxy} cannot be used: ${error.message}`;
    return { kind: `proxy-${error.failure}`, text, cause: error };
  }
  return { ...connectionProblem(error), cause: error };
}

function loginProblem(error: LoginError): ExchangeProblem {
  const detail = error.message.slice(0, 200);
  const kind = `login-${error.failure}` as const;
  switch (error.failure) {
    case "refused": {
      const text = `the account or its password was refused${detail && ` (${detail})`}`;
      return { kind, text, cause: new HttpStatusError(401) };
    }
    case "not-offered":
      return { kind, text: `the server offers ${detail || "no login"}`, cause: error };
    case "interrupted":
      return { kind, text: "the connection was closed in the middle of a login", cause: error };
    case "bad-challenge":
      return { kind, text: `the server's NTLM challenge is not usable: ${detail}`, cause: error };
  }
}
