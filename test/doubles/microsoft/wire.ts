/** A request as the cloud sees it, parsed as far as every service needs. */
export interface CloudRequest {
  readonly method: string;
  /** Path and query below the origin. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** An answer; `body` is sent as JSON, `text` as it is. */
export interface CloudAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly text?: string;
}

/** Who calls Graph, with a token that is good. */
export interface Caller {
  /** Application (client) ID. */
  readonly client: string;
  readonly roles: readonly string[];
}

/** A call of Graph whose path fits a route. */
export interface GraphCall {
  readonly caller: Caller;
  readonly request: CloudRequest;
  /** The parts of the path that stand in the route's brackets, decoded. */
  readonly parts: readonly string[];
  /** The body as JSON; undefined when there is none. */
  readonly json: unknown;
}

/** One operation of Graph. New ones are given to `MicrosoftCloud.addRoutes`. */
export interface GraphRoute {
  /** Counted by this name. */
  readonly name: string;
  readonly method: string;
  /** Below `/v1.0`, whole. */
  readonly path: RegExp;
  /** One of these application permissions is needed. */
  readonly roles: readonly string[];
  /** It only carries others, which count for themselves. */
  readonly isEnvelope?: boolean;
  /** Whose budget pays for it, with the application's; without it the first part of the path. */
  readonly payer?: (json: unknown) => string;
  readonly answer: (call: GraphCall) => CloudAnswer | Promise<CloudAnswer>;
}

/** Graph's error body. */
export const graphError = (status: number, code: string, message = code): CloudAnswer => ({
  status,
  body: { error: { code, message, innerError: { "request-id": "00000000-0000-0000-0000-000000000000" } } },
});
