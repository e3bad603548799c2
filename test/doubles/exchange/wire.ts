import type { ServerResponse } from "node:http";
import type { SoapRequest } from "./call.ts";
import { child } from "./request-xml.ts";
import { encodeResponse, MESSAGES, TYPES } from "./soap.ts";

const LARGEST_PIECE = 65_536;

/** What a login page or a proxy sends instead of XML. */
export const HTML_PAGE =
  '<!DOCTYPE html><html><head><title>Sign in</title></head><body><form method="post"><input name="password" type="password"></form></body></html>';

/** IIS's own page when the application pool is busy or stopped. */
export const UNAVAILABLE_PAGE =
  "<!DOCTYPE HTML><HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD><BODY><h2>Service Unavailable</h2><p>HTTP Error 503. The service is unavailable.</p></BODY></HTML>";

/** An answer's status, body and the rest; `isCut` breaks the connection after the body instead of ending it. */
export interface TextAnswer {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isCut?: boolean;
}

/** Sends a body with Content-Length, or chunked in pieces when a piece size is given or the connection is to be cut. */
export function sendText(response: ServerResponse, answer: TextAnswer, pieceSize: (() => number) | undefined): void {
  const bytes = Buffer.from(answer.text);
  const type = `${answer.type ?? "text/xml"}; charset=utf-8`;
  const length = pieceSize || answer.isCut ? {} : { "Content-Length": bytes.length };
  response.writeHead(answer.status, { "Content-Type": type, "Cache-Control": "private", ...length, ...answer.headers });
  writePieces(response, bytes, pieceSize);
  // The callback runs when the bytes have been handed to the socket: what was written before the cut does arrive.
  if (answer.isCut) response.write(" ", () => response.destroy());
  else response.end();
}

/** Writes to an open body, in pieces of the given sizes, which may cut a character in two. */
export function writePieces(
  response: ServerResponse,
  bytes: Buffer,
  pieceSize: () => number = () => LARGEST_PIECE,
): void {
  for (let offset = 0; offset < bytes.length; ) {
    const next = Math.min(bytes.length, offset + pieceSize());
    response.write(bytes.subarray(offset, next));
    offset = next;
  }
}

/** Sends a status without a body. */
export function sendStatus(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.writeHead(status, { "Content-Length": 0 });
  response.end();
}

/** ErrorServerBusy hidden inside ErrorInternalServerError, in the shape of the operation that was asked. */
export function encodeBusyBody({ operation, body }: SoapRequest, backOffMilliseconds: number | undefined): string {
  const value = (name: string, text: string): string => `<t:Value xmlns:t="${TYPES}" Name="${name}">${text}</t:Value>`;
  const values = [
    value("InnerErrorMessageText", "The server cannot service this request right now. Try again later."),
    value("InnerErrorResponseCode", "ErrorServerBusy"),
    value("InnerErrorDescriptiveLinkKey", "0"),
    backOffMilliseconds === undefined ? "" : value("BackOffMilliseconds", String(backOffMilliseconds)),
  ].join("");
  const error = `<m:MessageText>An internal server error occurred. The operation failed.</m:MessageText><m:ResponseCode>ErrorInternalServerError</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:MessageXml>${values}</m:MessageXml>`;
  if (operation !== "GetUserAvailability") {
    const message = `<m:${operation}ResponseMessage ResponseClass="Error">${error}</m:${operation}ResponseMessage>`;
    return encodeResponse(operation, message);
  }
  const count = child(body, "MailboxDataArray")?.children.length ?? 0;
  const one = `<m:FreeBusyResponse><m:ResponseMessage ResponseClass="Error">${error}</m:ResponseMessage></m:FreeBusyResponse>`;
  return `<m:GetUserAvailabilityResponse xmlns:m="${MESSAGES}"><m:FreeBusyResponseArray>${one.repeat(count)}</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>`;
}
