import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { escapeXml } from "../../../src/lib/xml.ts";
import type { Operation } from "../ews-client.ts";
import { type AnswerDecoder, answerDecoder } from "../soap-answer.ts";
import { encodeEnvelope, type RequestVersion } from "../soap-request.ts";

/** ResolveNames in the directory, as the account itself: who has this address, as a primary or a further one. */
export const encodeResolveAddress = (address: Mailbox, version: RequestVersion): string =>
  encodeEnvelope(
    version,
    '<m:ResolveNames ReturnFullContactData="false" SearchScope="ActiveDirectory">' +
      `<m:UnresolvedEntry>smtp:${escapeXml(address)}</m:UnresolvedEntry></m:ResolveNames>`,
  );

/** The primary address of the mailbox that has this address; undefined when there is none, or more than one. */
export const primaryAddressOperation = (address: Mailbox, host: string): Operation<Mailbox | undefined> => ({
  encode: (version) => ({ body: encodeResolveAddress(address, version) }),
  decoder: () => primaryAddressDecoder(host),
});

function primaryAddressDecoder(host: string): AnswerDecoder<Mailbox | undefined> {
  const found: string[] = [];
  const body = {
    open: () => undefined,
    close: (name: string, text: string) => {
      if (name === "EmailAddress" && found.length < 2) found.push(text.trim());
    },
    // ErrorNameResolutionNoResults is no failure, but an answer.
    message: () => undefined,
  };
  return answerDecoder(host, body, () => (found.length === 1 ? parseFound(found[0] ?? "") : undefined));
}

/** Contacts and public folders may have addresses that are none of SMTP. */
function parseFound(text: string): Mailbox | undefined {
  try {
    return parseMailbox(text);
  } catch {
    return undefined;
  }
}
