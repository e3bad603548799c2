import type { SipAor } from "../../src/core/addresses.ts";
import { toGatewayError } from "../../src/ports/errors.ts";
import type { Publication } from "../../src/ports/presence-publisher.ts";
import type { SipHeader, SipServer } from "../shared-sip/sip-server.ts";
import type { Outgoing } from "./event-publication.ts";
import { type PublishAnswer, readPublishAnswer } from "./publish-answer.ts";

/** Writes the PIDF document of a publication. */
export type EncodeDocument = (publication: Publication, aor: SipAor) => string;

/** Sends one PUBLISH (RFC 3903 4.1): the body is written now, also for a refresh, since none is kept. Never rejects. */
export async function sendPublication(
  { server, encode }: { readonly server: SipServer; readonly encode: EncodeDocument },
  aor: SipAor,
  { etag, offer, expires }: Outgoing,
  signal: AbortSignal,
): Promise<PublishAnswer> {
  try {
    // Kamailio with publ_cache 2 loses the document at a refresh without body: watchers would see nothing.
    const body = offer.publication && expires > 0 ? encode(offer.publication, aor) : undefined;
    const headers: SipHeader[] = [
      ["Contact", server.contact],
      ["Event", "presence"],
      ["Expires", String(Math.round(expires / 1000))],
    ];
    if (etag !== undefined) headers.push(["SIP-If-Match", etag]);
    if (body !== undefined) headers.push(["Content-Type", "application/pidf+xml"]);
    return readPublishAnswer(await server.request({ method: "PUBLISH", target: aor, headers, body }, signal));
  } catch (error) {
    return { kind: "none", error: toGatewayError(error) };
  }
}
