import type { Mailbox } from "../../src/core/addresses.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { anchorHeaders } from "./anchor-mailbox.ts";
import type { EwsClient, Operation } from "./ews-client.ts";
import { problemError, ResponseCodeError } from "./response-problem.ts";
import { answerDecoder, messagesOnly, type ResponseMessage } from "./soap-answer.ts";
import { type ConnectingId, encodeEnvelope, type RequestVersion } from "./soap-request.ts";

/** Whose identity is taken on: a mailbox by its primary SMTP address, or somebody by another name. */
export type Impersonated = Mailbox | ConnectingId;

// GetFolder with the id only is the least that shows an identity: it exists in every version and changes nothing.
const GET_CALENDAR =
  "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>" +
  '<m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder>';

/** The request by which an identity is taken on. */
export const encodeImpersonatedRequest = (version: RequestVersion, who: Impersonated): string =>
  encodeEnvelope(version, GET_CALENDAR, who);

/** Takes the identity on once. Rejects with a GatewayError that says which right is missing. */
export async function impersonate(client: EwsClient, who: Impersonated, signal: AbortSignal): Promise<void> {
  const subject = `${nameOf(who)} at ${client.host}`;
  try {
    await client.tryNow(impersonation(subject, who, client.host), signal);
  } catch (error) {
    throw explain(error, subject);
  }
}

/** How somebody is named, as the server was told. */
export const nameOf = (who: Impersonated): string => (typeof who === "string" ? who : who.value);

/** True where the server does not know the name, so that another one of the same person may do. */
export const isAboutName = (error: unknown): boolean => OF_A_NAME.includes(responseCodeOf(error) ?? "");

/** True where the account has no right to impersonate that person. */
export const isDenial = (error: unknown): boolean =>
  ["ErrorImpersonateUserDenied", "ErrorImpersonationDenied"].includes(responseCodeOf(error) ?? "");

const OF_A_NAME: readonly string[] = [
  "ErrorNonExistentMailbox",
  "ErrorInvalidSmtpAddress",
  "ErrorNonPrimarySmtpAddress",
  "ErrorImpersonationFailed",
];

/** MS-OXWSCDATA ResponseCodeType; the rights of 2007 are extended rights of Active Directory. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    "ErrorImpersonationDenied",
    "the account may impersonate nobody on this server. Exchange 2010 and later: assign it the role ApplicationImpersonation; 2007: give it ms-Exch-EPI-Impersonation on every Client Access Server",
  ],
  [
    "ErrorImpersonateUserDenied",
    "the account may not impersonate this user. Exchange 2010 and later: the scope of its role assignment (ApplicationImpersonation) does not hold the user, or there is no assignment; 2007: it lacks ms-Exch-EPI-May-Impersonate on the mailbox or its database. New rights take a while to arrive",
  ],
  [
    "ErrorImpersonationFailed",
    "the server could not take on the user's identity. Is the user's account enabled, and in a domain that the server trusts?",
  ],
  [
    "ErrorNonExistentMailbox",
    "no mailbox has this name. Is it the primary address, and is the mailbox on this server?",
  ],
  ["ErrorInvalidSmtpAddress", "this is not an SMTP address as the server has them. Correct the user's mailbox"],
  ["ErrorNonPrimarySmtpAddress", "this is a secondary address. Give the user's primary SMTP address"],
]);

function explain(error: unknown, subject: string): unknown {
  const code = responseCodeOf(error) ?? "";
  const advice = ADVICE.get(code);
  if (!(error instanceof GatewayError) || advice === undefined) return error;
  return new GatewayError(`${subject}: ${code}: ${advice}`, { type: error.type, code: error.code, cause: error.cause });
}

const responseCodeOf = (error: unknown): string | undefined =>
  error instanceof GatewayError && error.cause instanceof ResponseCodeError ? error.cause.responseCode : undefined;

function impersonation(subject: string, who: Impersonated, host: string): Operation<void> {
  return {
    encode: (version) => ({
      body: encodeImpersonatedRequest(version, who),
      // A security identifier leads nowhere.
      ...((typeof who === "string" || who.kind !== "SID") && { headers: anchorHeaders(nameOf(who)) }),
    }),
    decoder: () => {
      let failed: ResponseMessage | undefined;
      const body = messagesOnly((message) => {
        if (!message.isSuccess) failed = message;
      });
      return answerDecoder(host, body, () => {
        if (failed) throw problemError(failed, subject);
      });
    },
  };
}
