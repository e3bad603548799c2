import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Account } from "./site.ts";

/** Who calls, or the WWW-Authenticate values of the 401 that follows; and headers for the answer. */
export type AuthenticationResult = ({ readonly account: Account } | { readonly challenges: readonly string[] }) & {
  readonly headers?: Readonly<Record<string, string>>;
};

/** Decides who calls from a request's head and, for schemes that need it, from its connection. */
export interface Authenticator {
  authenticate(request: IncomingMessage): AuthenticationResult;
}

/** HTTP Basic (RFC 7617); the user may stand alone, as DOMAIN\user or as user@domain. */
export function basicAuthenticator(accounts: readonly Account[]): Authenticator {
  const challenges = ['Basic realm="exchange"'];
  return {
    authenticate(request) {
      const credentials = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
      const text = Buffer.from(credentials, "base64").toString();
      const colon = text.indexOf(":");
      const user = text.slice(0, Math.max(0, colon)).toLowerCase();
      const account = accounts.find((candidate) => namesOf(candidate).includes(user));
      if (account === undefined || !isSame(account.password, text.slice(colon + 1))) return { challenges };
      return { account };
    },
  };
}

/** How an account may be named, in small letters. */
export function namesOf(account: Account): readonly string[] {
  const user = account.user.toLowerCase();
  return [user, user.slice(user.indexOf("\\") + 1), account.mailbox?.toLowerCase() ?? user];
}

function isSame(expected: string, given: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}
