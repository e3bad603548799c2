import { availabilityOperation } from "../../../plugins/calendar-ews/availability.ts";

/** Decodes a whole answer; throws GatewayError when it is none or does not fit the query. */
export function decodeAvailability(query: Parameters<typeof availabilityOperation>[0], chunks: Iterable<Uint8Array>) {
  const decoder = availabilityOperation(query).decoder();
  for (const chunk of chunks) decoder.write(chunk);
  return decoder.end();
}
