import { decodeId, type Mailbox } from "../mailbox.ts";
import { child, textAt, type XmlElement } from "../request-xml.ts";
import type { Answer, Call, Site } from "../site.ts";
import { EwsFault, encodeMessage, encodeResponse, escapeXml } from "../soap.ts";

// ResolveNames returns at most 100 candidates.
const MAXIMUM_RESOLUTIONS = 100;

/** ResolveNames: mailboxes whose address or display name begins with the text. */
export function resolveNames(call: Call, site: Site): Answer {
  const wanted = (textAt(call.body, "UnresolvedEntry") ?? "").toLowerCase().replace(/^smtp:/, "");
  const found: Mailbox[] = [];
  for (const mailbox of site.mailboxes) {
    const texts = [mailbox.smtp, mailbox.displayName, ...mailbox.aliases];
    if (texts.some((text) => text.toLowerCase().startsWith(wanted))) found.push(mailbox);
    if (found.length > MAXIMUM_RESOLUTIONS) break;
  }
  return { body: encodeResponse("ResolveNames", encodeResolutions(found)) };
}

function encodeResolutions(found: readonly Mailbox[]): string {
  if (found.length <= 1) {
    return encodeMessage("ResolveNames", () => {
      if (found.length === 0) throw new EwsFault("ErrorNameResolutionNoResults", "No results were found.");
      return encodeResolutionSet(found);
    });
  }
  return `<m:ResolveNamesResponseMessage ResponseClass="Warning"><m:MessageText>Multiple results were found.</m:MessageText><m:ResponseCode>ErrorNameResolutionMultipleResults</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>${encodeResolutionSet(found)}</m:ResolveNamesResponseMessage>`;
}

function encodeResolutionSet(found: readonly Mailbox[]): string {
  const shown = found.slice(0, MAXIMUM_RESOLUTIONS);
  const isAll = shown.length === found.length;
  return `<m:ResolutionSet TotalItemsInView="${shown.length}" IncludesLastItemInRange="${isAll}">${shown.map(encodeResolution).join("")}</m:ResolutionSet>`;
}

function encodeResolution({ displayName, smtp }: Mailbox): string {
  return `<t:Resolution><t:Mailbox><t:Name>${escapeXml(displayName)}</t:Name><t:EmailAddress>${escapeXml(smtp)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:Resolution>`;
}

/** ConvertId: this server's ids are the same in every format; the answer names the mailbox they belong to. */
export function convertId(call: Call): Answer {
  const format = call.body.attributes.get("DestinationFormat") ?? "EwsId";
  const messages = (child(call.body, "SourceIds")?.children ?? []).map((source) =>
    encodeMessage("ConvertId", () => encodeAlternateId(source, format)),
  );
  return { body: encodeResponse("ConvertId", messages.join("")) };
}

function encodeAlternateId(source: XmlElement, format: string): string {
  const id = source.attributes.get("Id") ?? "";
  const decoded = decodeId(id);
  if (source.name !== "AlternateId" || decoded === undefined)
    throw new EwsFault("ErrorInvalidIdMalformed", "Id is malformed.");
  return `<m:AlternateId xsi:type="t:AlternateIdType" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" Format="${escapeXml(format)}" Id="${escapeXml(id)}" Mailbox="${escapeXml(decoded.smtp)}"/>`;
}
