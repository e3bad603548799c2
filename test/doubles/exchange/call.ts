import type { IncomingMessage } from "node:http";
import type { Mailbox } from "./mailbox.ts";
import { child, parseRequestXml, textAt, type XmlElement } from "./request-xml.ts";
import { refuseNewerThan2007 } from "./schema-2007.ts";
import type { Account, Call, Site } from "./site.ts";
import { EwsFault, MESSAGES, SOAP } from "./soap.ts";
import { isExchange2007, parseRequestVersion } from "./versions.ts";

/** A request's XML, its SOAP header and the operation's element. */
export interface SoapRequest {
  readonly header: XmlElement | undefined;
  readonly body: XmlElement;
  /** The operation's name: some requests' elements end with "Request" beside it. */
  readonly operation: string;
}

/** Reads a SOAP 1.1 envelope that holds one EWS operation. */
export function parseSoapRequest(bytes: Uint8Array): SoapRequest {
  const envelope = parseRequestXml(bytes);
  const body = child(envelope, "Body")?.children[0];
  if (envelope.name !== "Envelope" || envelope.namespace !== SOAP || body?.namespace !== MESSAGES) {
    throw new EwsFault(
      "ErrorSchemaValidation",
      "The request failed schema validation: no EWS operation in a SOAP 1.1 envelope.",
    );
  }
  return { header: child(envelope, "Header"), body, operation: body.name.replace(/Request$/, "") };
}

/** The call of an authenticated account; checks version and impersonation as Exchange does before any operation. */
export function parseCall(soap: SoapRequest, account: Account, request: IncomingMessage, site: Site): Call {
  const version = child(soap.header, "RequestServerVersion")?.attributes.get("Version");
  const requestVersion = parseRequestVersion(version, site.version);
  if (isExchange2007(site.version)) refuseNewerThan2007(soap);
  return {
    operation: soap.operation,
    body: soap.body,
    requestVersion,
    account,
    impersonated: findImpersonated(child(soap.header, "ExchangeImpersonation"), account, site),
    headers: request.headers,
  };
}

// t:ExchangeImpersonation: one of PrincipalName, SID, PrimarySmtpAddress, SmtpAddress.
function findImpersonated(header: XmlElement | undefined, account: Account, site: Site): Mailbox | undefined {
  if (header === undefined && account.isApplication) {
    throw new EwsFault(
      "ErrorInvalidExchangeImpersonationHeaderData",
      "ExchangeImpersonation SOAP header must be present for this type of OAuth token.",
    );
  }
  if (header === undefined) return undefined;
  const identity = child(header, "ConnectingSID")?.children[0];
  const mailbox = identity && findByIdentity(identity.name, textAt(identity) ?? "", site);
  if (mailbox === undefined) {
    throw new EwsFault("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.");
  }
  if (!account.mayImpersonate || account.scope?.includes(mailbox.smtp) === false) {
    throw new EwsFault(
      "ErrorImpersonateUserDenied",
      "The account does not have permission to impersonate the requested user.",
    );
  }
  return mailbox;
}

function findByIdentity(kind: string, value: string, site: Site): Mailbox | undefined {
  if (kind === "PrimarySmtpAddress" || kind === "SmtpAddress") return site.findMailbox(value);
  const matches = (mailbox: Mailbox): boolean =>
    kind === "SID"
      ? mailbox.sid === value
      : kind === "PrincipalName" && mailbox.principalName.toLowerCase() === value.toLowerCase();
  return [...site.mailboxes].find(matches);
}
