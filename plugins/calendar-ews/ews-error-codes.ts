import type { ErrorType } from "../../src/ports/errors.ts";
import { PROXY_ERROR_TEXTS } from "../shared-http/proxy-error-texts.ts";

/** What the caller should do, what happened, and what the administrator should do. */
export interface ErrorCode {
  readonly type: ErrorType;
  /** The service is not offered any more: a successor may be asked instead. */
  readonly isWithdrawn?: boolean;
  readonly meaning: string;
  readonly action: string;
}

/** Every error code of this plugin: what the caller should do, what happened, and what the administrator should do. */
export const EWS_ERROR_CODES = {
  "ews-unauthorized": {
    type: "auth",
    meaning: "The server refused the account or its password (HTTP 401).",
    action:
      "Check account and password, and whether the account is locked; then run the test. If they are right and the login is NTLM: what stands between must not have another certificate than the server (Extended Protection), or set auth=basic.",
  },
  "ews-login-not-offered": {
    type: "auth",
    meaning: "The server offers none of the logins that the option auth allows.",
    action: "Set auth=auto, or enable Windows (NTLM) or Basic authentication for the server's virtual directory /EWS.",
  },
  "ews-login-interrupted": {
    type: "wait",
    meaning: "The connection was closed in the middle of an NTLM login, which needs one connection throughout.",
    action:
      "Nothing, when it is rare. Otherwise let the proxy or load balancer in between keep connections, or set auth=basic.",
  },
  "ews-forbidden": {
    type: "auth",
    meaning: "The account may not use EWS here (HTTP 403, ErrorAccessDenied).",
    action: "Allow EWS for the account: EwsEnabled and EwsAllowList of the organisation and of the mailbox.",
  },
  "ews-disabled-by-tenant": {
    type: "auth",
    isWithdrawn: true,
    meaning: "EWS is switched off for the whole organisation in Office 365 (HTTP 403).",
    action:
      "Add a gateway of type office365 and name it as this one's successor: gateway set <name> successor=<gateway>. Until EWS ends on 1 April 2027, an administrator of Exchange may also allow it: Set-OrganizationConfig -EwsEnabled $true, and list the application in EwsAllowedAppIDs.",
  },
  "ews-application-not-allowed": {
    type: "auth",
    isWithdrawn: true,
    meaning: "The organisation lets other applications use EWS, but not this one (HTTP 403).",
    action:
      "Add the application (client) ID to EwsAllowedAppIDs of the organisation; or add a gateway of type office365 and name it as this one's successor.",
  },
  "ews-mailbox-blocked": {
    type: "auth",
    isWithdrawn: true,
    meaning: "The mailbox may not be used by EWS: EwsEnabled of the mailbox, or a licence without EWS (F1, F3, Kiosk).",
    action:
      "Set-CASMailbox -EwsEnabled $true, or give the user a licence with EWS; or name a gateway of type office365 as this one's successor.",
  },
  "ews-token-refused": {
    type: "auth",
    meaning: "The server refused the application's token, and a fresh one too (HTTP 401).",
    action:
      "Give the application the permission full_access_as_app of Office 365 Exchange Online, with the administrator's consent; check tenant and cloud.",
  },
  "ews-not-xml": {
    type: "wait",
    meaning: "A web page came instead of an EWS answer: a login page, or a proxy in between.",
    action: "Let the URL point at /EWS/Exchange.asmx itself, not at a login page or an authenticating proxy.",
  },
  "ews-wrong-url": {
    type: "modify",
    meaning: "The URL does not lead to Exchange Web Services.",
    action: "Correct the URL; usually it is https://<server>/EWS/Exchange.asmx.",
  },
  "ews-throttled": {
    type: "wait",
    meaning: "The server asked to wait (ErrorServerBusy and its like).",
    action: "Nothing, when it is rare. Otherwise give the account a throttling policy with more room.",
  },
  "ews-unavailable": {
    type: "wait",
    meaning: "The server cannot be reached or is out of service (no connection, HTTP 502, 503, 504).",
    action: "Check the server, its name and the network to it.",
  },
  "ews-timeout": {
    type: "wait",
    meaning: "The server did not answer in time.",
    action: "Check the server's load; the parameter exchange-timeout sets the limit.",
  },
  "ews-tls": {
    type: "wait",
    meaning: "The server's certificate or its TLS is not acceptable.",
    action:
      "Put the certificate right on the server, or install what is missing of its chain with `certificate import <host>`.",
  },
  "ews-proxy-unavailable": PROXY_ERROR_TEXTS.unavailable,
  "ews-proxy-unauthorized": PROXY_ERROR_TEXTS.unauthorized,
  "ews-proxy-refused": PROXY_ERROR_TEXTS.refused,
  "ews-ca-unreadable": {
    type: "modify",
    meaning: "The file named in the option ca cannot be read or holds no PEM certificate.",
    action: "Correct the option ca, or the file's permissions.",
  },
  "ews-mailbox-not-found": {
    type: "cancel",
    meaning: "The mailbox does not exist on this server.",
    action: "Correct the user's mailbox, or disable the user.",
  },
  "ews-impersonation-denied": {
    type: "auth",
    meaning: "The account may not impersonate the mailbox's owner, so changes are only seen when calendars are read.",
    action: "Give the account the role ApplicationImpersonation with a scope that holds the user.",
  },
  "ews-no-access": {
    type: "auth",
    meaning: "The account may not see when the mailbox is free or busy.",
    action: "Give the account at least the calendar permission AvailabilityOnly.",
  },
  "ews-mailbox-moving": {
    type: "wait",
    meaning: "The mailbox is being moved, or lies on another server or in a database that is not mounted now.",
    action: "Nothing for a while; if it stays, give the user the calendar server that has the mailbox.",
  },
  "ews-subscription-limit": {
    type: "wait",
    meaning: "The mailbox or the account has too many notification subscriptions.",
    action: "Raise EWSMaxSubscriptions in the throttling policy, or wait until forgotten subscriptions expire.",
  },
  "ews-subscription-lost": {
    type: "wait",
    meaning: "The server forgot its notification subscriptions.",
    action: "Nothing; they are made anew.",
  },
  "ews-streaming-not-offered": {
    type: "cancel",
    meaning: "The server is older than streaming notifications (Exchange 2010 SP1).",
    action: "Nothing: it is notified of in another way. Do not set notifications=streaming.",
  },
  "ews-push-unreachable": {
    type: "wait",
    meaning: "The server accepted push subscriptions, but nothing came from it within two minutes.",
    action:
      "Let the server reach the gateway: `[notifications] address`, the parameter exchange-notification-port, firewalls in between, the option notification-sources.",
  },
  "ews-stream-silent": {
    type: "wait",
    meaning: "Nothing, not even a sign of life, came over the notification connection.",
    action: "Nothing, when it is rare. Otherwise let proxies and load balancers keep idle connections for 3 minutes.",
  },
  "ews-bad-answer": {
    type: "wait",
    meaning: "The answer was truncated, malformed, too large, or did not fit the request.",
    action: "Look for a proxy that changes answers; if there is none, report it with the server's version.",
  },
  "ews-autodiscover-failed": {
    type: "wait",
    meaning:
      "Autodiscover gave no usable answer, so mailboxes are watched in groups as they come; calendars are read as always.",
    action:
      "Check https://autodiscover.<domain>/autodiscover/autodiscover.svc, name hosts that may be asked in autodiscover-hosts, or set autodiscover=off.",
  },
  "ews-version-refused": {
    type: "cancel",
    meaning: "The server refused every request version that the gateway speaks (ErrorInvalidServerVersion).",
    action: "Exchange 2007 SP1 or later is needed.",
  },
  "ews-window-too-big": {
    type: "modify",
    meaning: "The server reads fewer days ahead than were asked for (ErrorTimeIntervalTooBig).",
    action: "Lower the parameter calendar-window-ahead.",
  },
  "ews-batch-too-big": {
    type: "modify",
    meaning: "More mailboxes were asked for at once than can be (ErrorMailboxDataArrayTooBig).",
    action: "Report it: the gateway asks for at most 100, and watches at most 200 together.",
  },
  "ews-too-many-entries": {
    type: "modify",
    meaning: "The calendar has more entries in the time asked for than the server tells (ErrorResultSetTooBig).",
    action: "Lower the parameter calendar-window-ahead, or use a mailbox and not a distribution list.",
  },
  "ews-request-refused": {
    type: "modify",
    meaning: "The server did not understand the request.",
    action: "Report it with the server's version.",
  },
  "ews-queue-full": {
    type: "wait",
    meaning: "More requests wait for this server than the parameter exchange-queue allows.",
    action: "Raise exchange-queue or exchange-threads, or find out why the server is slow.",
  },
  "ews-stopped": {
    type: "cancel",
    meaning: "The calendar server's connection is not running.",
    action: "Nothing; it was stopped or has not started.",
  },
  "ews-fault": {
    type: "wait",
    meaning: "The server reported an error that has no code of its own here.",
    action: "Look the error up in the server's event log.",
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;
