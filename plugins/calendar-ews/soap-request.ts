import type { Mailbox } from "../../src/core/addresses.ts";
import { escapeXml } from "../../src/lib/xml.ts";

/** The request versions spoken, the first tried first: for WorkingElsewhere, for streaming, for Exchange 2007. */
export const REQUEST_VERSIONS = ["Exchange2013_SP1", "Exchange2010_SP1", "Exchange2007_SP1"] as const;

/** A request version. */
export type RequestVersion = (typeof REQUEST_VERSIONS)[number];

const NAMESPACES =
  'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
  'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" ' +
  'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"';

/** Who is impersonated, where it is not by the SMTP address: by user principal name or by security identifier. */
export interface ConnectingId {
  readonly kind: "PrincipalName" | "SID";
  readonly value: string;
}

/** A whole request; `body` is XML already, `impersonated` is whose identity the operation takes on. */
export function encodeEnvelope(version: RequestVersion, body: string, impersonated?: Mailbox | ConnectingId): string {
  return (
    `<?xml version="1.0" encoding="utf-8"?><s:Envelope ${NAMESPACES}><s:Header>` +
    `<t:RequestServerVersion Version="${version}"/>${impersonated ? encodeImpersonation(impersonated) : ""}` +
    `</s:Header><s:Body>${body}</s:Body></s:Envelope>`
  );
}

// PrimarySmtpAddress is valid in every schema version; SmtpAddress came with Exchange 2010.
function encodeImpersonation(who: Mailbox | ConnectingId): string {
  const { kind, value } = typeof who === "string" ? { kind: "PrimarySmtpAddress", value: who } : who;
  const id = `<t:${kind}>${escapeXml(value)}</t:${kind}>`;
  return `<t:ExchangeImpersonation><t:ConnectingSID>${id}</t:ConnectingSID></t:ExchangeImpersonation>`;
}
