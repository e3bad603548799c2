import { describe, expect, it } from "vitest";
import { connectionError, headError } from "../../../plugins/calendar-ews/connection-errors.ts";
import { EWS_ERROR_CODES } from "../../../plugins/calendar-ews/ews-error-codes.ts";
import { ewsError } from "../../../plugins/calendar-ews/ews-errors.ts";
import { problemError } from "../../../plugins/calendar-ews/response-problem.ts";
import { CredentialGuard } from "../../../plugins/shared-microsoft/credential-guard.ts";
import { hours, instant, minutes, plus } from "../../../src/lib/time.ts";

const problem = (code: string) => problemError({ code, text: "Text.", values: new Map() }, "alice@example.com at mail");

describe("an EWS response code", () => {
  it.each([
    ["ErrorServerBusy", "ews-throttled", "wait"],
    ["ErrorExceededConnectionCount", "ews-throttled", "wait"],
    ["ErrorExceededSubscriptionCount", "ews-subscription-limit", "wait"],
    ["ErrorNonExistentMailbox", "ews-mailbox-not-found", "cancel"],
    ["ErrorMailRecipientNotFound", "ews-mailbox-not-found", "cancel"],
    ["ErrorImpersonateUserDenied", "ews-impersonation-denied", "auth"],
    ["ErrorImpersonationDenied", "ews-impersonation-denied", "auth"],
    ["ErrorNoFreeBusyAccess", "ews-no-access", "auth"],
    ["ErrorMailboxMoveInProgress", "ews-mailbox-moving", "wait"],
    ["ErrorMailboxStoreUnavailable", "ews-mailbox-moving", "wait"],
    ["ErrorProxyRequestNotAllowed", "ews-mailbox-moving", "wait"],
    ["ErrorSubscriptionNotFound", "ews-subscription-lost", "wait"],
    ["ErrorMissedNotificationEvents", "ews-subscription-lost", "wait"],
    ["ErrorResultSetTooBig", "ews-too-many-entries", "modify"],
    ["ErrorInvalidSubscriptionRequest", "ews-request-refused", "modify"],
    ["__proto__", "ews-fault", "wait"],
    ["constructor", "ews-fault", "wait"],
    ["", "ews-fault", "wait"],
  ])("%s is %s (%s)", (responseCode, code, type) => {
    expect(problem(responseCode)).toMatchObject({ code, type });
  });

  it("is told with the mailbox, the host, the server's words and what to do", () => {
    expect(problem("ErrorNoFreeBusyAccess").message).toBe(
      "alice@example.com at mail: ErrorNoFreeBusyAccess: Text. Give the account at least the calendar permission AvailabilityOnly.",
    );
  });

  it("is told in one line of bounded length, however much the server says", () => {
    const error = problemError({ code: "E".repeat(9999), text: "a\n b".repeat(9999), values: new Map() }, "mail");
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).not.toContain("\n");
  });
});

describe("an HTTP answer", () => {
  const head = (
    status: number,
    contentType = "text/xml; charset=utf-8",
    more: { retryAfter?: string; location?: string } = {},
  ) => headError({ status, contentType, retryAfter: more.retryAfter, location: more.location }, "mail.example.com");

  it.each([
    [401, "text/html", "ews-unauthorized", "auth"],
    [403, "text/html", "ews-forbidden", "auth"],
    [404, "text/html", "ews-wrong-url", "modify"],
    [405, "text/plain", "ews-wrong-url", "modify"],
    [400, "text/plain", "ews-request-refused", "modify"],
    [429, "text/plain", "ews-throttled", "wait"],
    [500, "text/html", "ews-unavailable", "wait"],
    [502, "text/html", "ews-unavailable", "wait"],
    [503, "text/html", "ews-unavailable", "wait"],
    [200, "text/html; charset=utf-8", "ews-not-xml", "wait"],
    [302, "text/html", "ews-not-xml", "wait"],
  ])("with status %d and type %s is %s (%s)", (status, contentType, code, type) => {
    expect(head(status, contentType)).toMatchObject({ code, type });
  });

  it("has to be read when it may be SOAP", () => {
    expect(head(200)).toBeUndefined();
    expect(head(500)).toBeUndefined();
  });

  it("passes on Retry-After in seconds and nothing else", () => {
    expect(head(503, "text/html", { retryAfter: "7" })?.retryAfter).toBe(7000);
    expect(head(503, "text/html", { retryAfter: "99999999" })?.retryAfter).toBe(3_600_000);
    for (const retryAfter of ["-1", "soon", "", "0"]) expect(head(503, "", { retryAfter })?.retryAfter).toBeUndefined();
  });

  it("that redirects is told without the query of its target", () => {
    const { message } = head(302, "text/html", { location: "https://login.example.com/x?secret=1" }) ?? {};
    expect(message).toContain("https://login.example.com/x.");
    expect(message).not.toContain("secret");
  });
});

describe("a connection that fails", () => {
  const failure = (code: string): Error => Object.assign(new Error("raw"), { code });

  it.each([
    ["ECONNREFUSED", "ews-unavailable", "refused"],
    ["ENOTFOUND", "ews-unavailable", "DNS"],
    ["UND_ERR_CONNECT_TIMEOUT", "ews-unavailable", "timed out"],
    ["UND_ERR_SOCKET", "ews-unavailable", "closed"],
    ["CERT_HAS_EXPIRED", "ews-tls", "expired"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "ews-tls", "another name"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "ews-tls", "self-signed"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "ews-tls", "not known here"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "ews-tls", "ERR_SSL_WRONG_VERSION_NUMBER"],
    ["UND_ERR_HEADERS_OVERFLOW", "ews-bad-answer", "not valid HTTP"],
    ["EWHATEVER", "ews-unavailable", "EWHATEVER"],
  ])("with %s is %s and says '%s'", (raw, code, words) => {
    const error = connectionError(failure(raw), "mail.example.com");
    expect(error).toMatchObject({ code, cause: expect.objectContaining({ code: raw }) });
    expect(error.message).toContain(words);
    expect(error.message).toContain("mail.example.com");
  });
});

describe("the table of error codes", () => {
  it("has a sentence on what happened and one on what to do for each", () => {
    for (const [code, { meaning, action }] of Object.entries(EWS_ERROR_CODES)) {
      expect(code).toMatch(/^ews-[a-z-]+$/);
      for (const sentence of [meaning, action]) expect(sentence).toMatch(/^[A-Z].*\.$/s);
    }
  });

  it("gives each error its type", () => {
    expect(ewsError("ews-tls", "x")).toMatchObject({ type: "wait", message: expect.stringContaining("x. Put") });
  });
});

describe("a refused password", () => {
  const NOW = instant(1_000_000_000);

  it("rests for five minutes, then longer each time, at most an hour", () => {
    const guard = new CredentialGuard((text, retryAfter) =>
      ewsError("ews-unauthorized", `mail: ${text}`, { retryAfter }),
    );
    let now = NOW;
    const rests = [1, 2, 3, 4, 5, 6].map(() => {
      guard.refused(now);
      let rest = 0;
      try {
        guard.check(now);
      } catch (error) {
        expect(error).toMatchObject({ code: "ews-unauthorized", type: "auth" });
        rest = Number(error instanceof Error && "retryAfter" in error ? error.retryAfter : 0);
      }
      now = plus(now, rest);
      guard.check(now);
      return rest / 60_000;
    });
    expect(rests).toEqual([5, 10, 20, 40, 60, 60]);
  });

  it("counts once when several requests found out at the same time", () => {
    const guard = new CredentialGuard((text, retryAfter) =>
      ewsError("ews-unauthorized", `mail: ${text}`, { retryAfter }),
    );
    for (let count = 0; count < 10; count++) guard.refused(NOW);
    expect(() => guard.check(plus(NOW, minutes(5) - 1))).toThrow();
    expect(() => guard.check(plus(NOW, minutes(5)))).not.toThrow();
  });

  it("is forgotten when a password is taken, and does not rest for hours when the clock is set back", () => {
    const guard = new CredentialGuard((text, retryAfter) =>
      ewsError("ews-unauthorized", `mail: ${text}`, { retryAfter }),
    );
    guard.refused(NOW);
    expect(() => guard.check(plus(NOW, -hours(1)))).not.toThrow();
    expect(guard.isProven).toBe(false);
    guard.accepted();
    expect(() => guard.check(NOW)).not.toThrow();
    expect(guard.isProven).toBe(true);
  });
});
