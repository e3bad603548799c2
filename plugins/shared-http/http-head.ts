import type { Dispatcher } from "undici";

type Head = Pick<Dispatcher.ResponseData, "statusCode" | "headers">;

/** What the head of an answer says. */
export interface AnswerHead {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
}

/** The head of undici's answer. */
export const headOf = (response: Head): AnswerHead => ({
  status: response.statusCode,
  contentType: headerOf(response, "content-type") ?? "",
  retryAfter: headerOf(response, "retry-after"),
  location: headerOf(response, "location"),
});

/** The header's value, the first where there are more; the name in lower case. */
export function headerOf({ headers }: Pick<Head, "headers">, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** An HTTP status as the cause of an error, so that a busy server can be told from a dead one, and a redirect be looked at. */
export class HttpStatusError extends Error {
  override readonly name = "HttpStatusError";
  readonly status: number;
  /** Where a redirect leads, as the server wrote it: nobody has checked it. */
  readonly location: string | undefined;

  constructor(status: number, location?: string) {
    super(`HTTP ${status}`);
    this.status = status;
    this.location = location;
  }
}
