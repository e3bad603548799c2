import type { Mailbox } from "../../../src/core/addresses.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { anchorHeaders } from "../anchor-mailbox.ts";
import type { EwsClient, Operation } from "../ews-client.ts";
import { ewsError, isEwsError } from "../ews-errors.ts";
import { problemError } from "../response-problem.ts";
import { type AnswerDecoder, answerDecoder } from "../soap-answer.ts";
import { encodeEnvelope, type RequestVersion } from "../soap-request.ts";
import { primaryAddressOperation } from "./resolve-address.ts";

/** The display name of the mailbox's default calendar. A mailbox that is not found by a further address is named by its primary one. */
export async function findCalendarName(client: EwsClient, mailbox: Mailbox, signal: AbortSignal): Promise<string> {
  try {
    return (await client.call(calendarNameOperation(mailbox, client.host), "reading", signal)).content;
  } catch (error) {
    if (!isEwsError(error, "ews-mailbox-not-found")) throw error;
    const primary = await findPrimaryAddress(client, mailbox, signal);
    if (primary === undefined || primary === mailbox) throw error;
    const text = `${client.host}: ${mailbox} is not the primary address of a mailbox; that is ${primary}`;
    throw ewsError("ews-mailbox-not-found", text, { cause: error });
  }
}

async function findPrimaryAddress(client: EwsClient, address: Mailbox, signal: AbortSignal) {
  try {
    return (await client.call(primaryAddressOperation(address, client.host), "reading", signal)).content;
  } catch (error) {
    signal.throwIfAborted();
    // An account without a mailbox may not search; what is to be told is the failure before.
    if (error instanceof GatewayError) return undefined;
    throw error;
  }
}

/** GetFolder of the mailbox's default calendar, by identifier, under its owner's identity: the display name only. */
export const encodeGetCalendarFolder = (mailbox: Mailbox, version: RequestVersion): string =>
  encodeEnvelope(
    version,
    "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>" +
      '<t:FieldURI FieldURI="folder:DisplayName"/></t:AdditionalProperties></m:FolderShape>' +
      '<m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder>',
    mailbox,
  );

/** What the mailbox's default calendar is named. */
const calendarNameOperation = (mailbox: Mailbox, host: string): Operation<string> => ({
  encode: (version) => ({ body: encodeGetCalendarFolder(mailbox, version), headers: anchorHeaders(mailbox) }),
  decoder: () => calendarNameDecoder(mailbox, host),
});

// Exchange's display names have at most 255 characters.
const LONGEST_NAME = 255;

function calendarNameDecoder(mailbox: Mailbox, host: string): AnswerDecoder<string> {
  let name = "";
  let problem: GatewayError | undefined;
  const subject = `${mailbox} at ${host}`;
  const body = {
    open: () => undefined,
    close: (element: string, text: string) => {
      if (element === "DisplayName") name = text.trim();
    },
    message: (message: Parameters<typeof problemError>[0] & { readonly isSuccess: boolean }) => {
      if (!message.isSuccess) problem = problemError(message, subject);
    },
  };
  return answerDecoder(host, body, () => {
    if (problem) throw problem;
    if (name !== "" && name.length <= LONGEST_NAME) return name;
    throw ewsError("ews-bad-answer", `${subject}: the answer to GetFolder has no usable DisplayName`);
  });
}
