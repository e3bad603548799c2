/**
 * Why a login failed: `refused` the server does not take the account or its password; `not-offered` it offers no login
 * that is allowed; `interrupted` the connection was closed between the messages of one login; `bad-challenge` the
 * server's part of the login is malformed.
 */
export type LoginFailure = "refused" | "not-offered" | "interrupted" | "bad-challenge";

/** A login that failed; the text says what is known beyond the failure itself, and may be empty. */
export class LoginError extends Error {
  override readonly name = "LoginError";
  readonly failure: LoginFailure;

  constructor(failure: LoginFailure, detail = "", cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}
