/** Which requests a fault hits: the next `times` ones (default 1), of one operation when it is named. */
export interface FaultScope {
  readonly times?: number;
  readonly operation?: string;
}

/** One way in which an answer goes wrong. */
export type Fault =
  | ({ readonly kind: "server-busy" } & BusyAnswer)
  | { readonly kind: "unauthorized" | "forbidden" | "html" | "fault-without-detail" | "hang" | "drop" }
  | { readonly kind: "truncated"; readonly form: "xml" | "connection" }
  | { readonly kind: "oversized"; readonly bytes: number };

/** The three forms of ErrorServerBusy: SOAP fault with HTTP 500, inner error with HTTP 200, IIS's own 503. */
export type BusyForm = "fault500" | "inner200" | "http503";

/** One ErrorServerBusy; the time that it asks for is a header, Retry-After, in IIS's own 503. */
export interface BusyAnswer {
  readonly form: BusyForm;
  readonly backOffMilliseconds: number | undefined;
}

/** What only the running server can do. */
export interface FaultHooks {
  dropConnections(): void;
  dropStreaming(): void;
  endSubscriptions(smtp: string, code: string): void;
  setMove(smtp: string, code: string | undefined): void;
  setAvailabilityError(smtp: string, code: string | undefined): void;
}

interface PlannedFault {
  readonly fault: Fault;
  readonly operation: string | undefined;
  left: number;
}

/** The trouble that a test orders; each order holds for a number of requests or until `clear`. */
export class Faults {
  /** Milliseconds that every answer waits. */
  delay = 0;
  readonly #hooks: FaultHooks;
  #planned: PlannedFault[] = [];
  #nextPieceSize: (() => number) | undefined;

  constructor(hooks: FaultHooks) {
    this.#hooks = hooks;
  }

  /** ErrorServerBusy in one of its forms, with or without BackOffMilliseconds. */
  serverBusy(options: FaultScope & { readonly form?: BusyForm; readonly backOffMilliseconds?: number } = {}): void {
    const { form = "fault500", backOffMilliseconds } = options;
    this.#plan({ kind: "server-busy", form, backOffMilliseconds }, options);
  }

  /** 401 with the server's challenges, whatever the credentials. */
  unauthorized(scope?: number | FaultScope): void {
    this.#plan({ kind: "unauthorized" }, scope);
  }

  /** 403, as when EWS is switched off for the user or the application. */
  forbidden(scope?: number | FaultScope): void {
    this.#plan({ kind: "forbidden" }, scope);
  }

  /** HTTP 200 with a web page, as a login page or a proxy sends. */
  html(scope?: number | FaultScope): void {
    this.#plan({ kind: "html" }, scope);
  }

  /** Half of the answer: complete for HTTP (`xml`), or cut off with the connection. */
  truncated(scope?: number | FaultScope, form: "xml" | "connection" = "xml"): void {
    this.#plan({ kind: "truncated", form }, scope);
  }

  /** A SOAP fault that comes with HTTP 200 and has no detail. */
  faultWithoutDetail200(scope?: number | FaultScope): void {
    this.#plan({ kind: "fault-without-detail" }, scope);
  }

  /** The request is never answered. */
  hang(scope?: number | FaultScope): void {
    this.#plan({ kind: "hang" }, scope);
  }

  /** The connection is reset instead of an answer. */
  drop(scope?: number | FaultScope): void {
    this.#plan({ kind: "drop" }, scope);
  }

  /** A right answer made longer than `bytes` by a comment. */
  oversizedAnswer(bytes: number, scope?: number | FaultScope): void {
    this.#plan({ kind: "oversized", bytes }, scope);
  }

  /** Every answer waits so many milliseconds (0 ends it). */
  slow(milliseconds: number): void {
    this.delay = milliseconds;
  }

  /** Sends every answer and streaming frame in pieces of so many bytes, or of random sizes up to `maximum`. */
  cutChunks(size: number | { readonly maximum: number; readonly seed: number }): void {
    this.#nextPieceSize = typeof size === "number" ? () => Math.max(1, size) : randomSizes(size.maximum, size.seed);
  }

  /** The size of the next piece to send; undefined sends whole texts. */
  get pieceSize(): (() => number) | undefined {
    return this.#nextPieceSize;
  }

  /** Resets every connection now. */
  dropConnections(): void {
    this.#hooks.dropConnections();
  }

  /** Resets the streaming connections now; their subscriptions live on. */
  dropStreaming(): void {
    this.#hooks.dropStreaming();
  }

  /** The mailbox is on the move: operations on it end with `code`, its subscriptions are lost. */
  moveMailbox(smtp: string, code = "ErrorMailboxMoveInProgress"): void {
    this.#hooks.setMove(smtp, code);
    this.#hooks.endSubscriptions(smtp, "ErrorReadEventsFailed");
  }

  /** The move is over. */
  settleMailbox(smtp: string): void {
    this.#hooks.setMove(smtp, undefined);
  }

  /** The mailbox's subscriptions end; a connection that serves them is told `code`. */
  endSubscriptions(smtp: string, code: string): void {
    this.#hooks.endSubscriptions(smtp, code);
  }

  /** GetUserAvailability answers `code` for this mailbox; undefined ends it. */
  failAvailability(smtp: string, code: string | undefined): void {
    this.#hooks.setAvailabilityError(smtp, code);
  }

  /** Forgets every order that concerns answers: nothing planned, no delay, whole texts. */
  clear(): void {
    this.#planned = [];
    this.delay = 0;
    this.#nextPieceSize = undefined;
  }

  /** The fault that hits a request of this operation, which uses it up once. */
  takeFault(operation: string): Fault | undefined {
    const planned = this.#planned.find(
      (candidate) => candidate.operation === undefined || candidate.operation === operation,
    );
    if (planned === undefined) return undefined;
    planned.left -= 1;
    if (planned.left <= 0) this.#planned = this.#planned.filter((candidate) => candidate !== planned);
    return planned.fault;
  }

  #plan(fault: Fault, scope: number | FaultScope = 1): void {
    const { times = 1, operation } = typeof scope === "number" ? { times: scope } : scope;
    this.#planned.push({ fault, operation, left: times });
  }
}

// A linear congruential generator (Numerical Recipes), so that a failing test can be run again.
function randomSizes(maximum: number, seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 1 + (state % Math.max(1, maximum));
  };
}
