/** RFC 6120 8.3.2: what the caller should do about an error. */
export type ErrorType = "auth" | "cancel" | "modify" | "wait";

/** What an error knows beyond its text. */
export interface ErrorDetails {
  readonly type: ErrorType;
  /** `area-condition`, listed in docs/ERRORS.md. */
  readonly code: string;
  /** Milliseconds the other side asked to wait. */
  readonly retryAfter?: number;
  /** The other side does not offer its service any more: asking again helps nobody, but a successor may. */
  readonly isWithdrawn?: boolean;
  /** RFC 6120 8.3.4: a condition that another specification adds, for the answer to an XMPP request. */
  readonly condition?: StanzaCondition | undefined;
  readonly cause?: unknown;
}

/** An element that says more of an XMPP error than its defined condition. */
export interface StanzaCondition {
  readonly name: string;
  readonly namespace: string;
}

/** The one error that crosses ports; `message` says what happened and what to do, and holds no secret. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly type: ErrorType;
  readonly code: string;
  readonly retryAfter: number | undefined;
  readonly isWithdrawn: boolean;
  readonly condition: StanzaCondition | undefined;

  constructor(message: string, { type, code, retryAfter, isWithdrawn = false, condition, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.type = type;
    this.code = code;
    this.retryAfter = retryAfter;
    this.isWithdrawn = isWithdrawn;
    this.condition = condition;
  }
}

/** The error as a GatewayError; one that is none is a defect of ours and is reported as such. */
export const toGatewayError = (error: unknown): GatewayError =>
  error instanceof GatewayError
    ? error
    : new GatewayError(error instanceof Error ? error.message : String(error), {
        type: "wait",
        code: "internal-error",
        cause: error,
      });
