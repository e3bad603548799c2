import type { SoapRequest } from "./call.ts";
import type { XmlElement } from "./request-xml.ts";
import { EwsFault } from "./soap.ts";

// What a client of the gateway's kind may say and Exchange 2007 does not know (messages.xsd and types.xsd of both).
const NEWER_OPERATIONS = new Set(["GetStreamingEvents", "GetServerTimeZones"]);
const NEWER_ELEMENTS = new Set(["StreamingSubscriptionRequest", "SmtpAddress", "TimeZoneContext"]);
const NEWER_VALUES = new Set(["FreeBusyChangedEvent"]);

/** Refuses, as Exchange 2007 does by its schema, what came with later versions. */
export function refuseNewerThan2007({ header, body, operation }: SoapRequest): void {
  if (NEWER_OPERATIONS.has(operation)) throw invalid(operation);
  if (header) refuseNewer(header);
  refuseNewer(body);
}

function refuseNewer(element: XmlElement): void {
  if (NEWER_ELEMENTS.has(element.name) || NEWER_VALUES.has(element.text.trim())) throw invalid(element.name);
  for (const each of element.children) refuseNewer(each);
}

const invalid = (name: string): EwsFault =>
  new EwsFault("ErrorSchemaValidation", `The request failed schema validation: the element '${name}' is not expected.`);
