import type { GraphAnswer, GraphClient, GraphRequest } from "../../../../plugins/calendar-graph/graph-client.ts";
import { GatewayError } from "../../../../src/ports/errors.ts";
import type { CloudSubscriptions } from "../../../doubles/microsoft/subscriptions.ts";

/** What stands in the cause of the client's errors. */
class StatusError extends Error {
  readonly status: number;
  readonly graphCode: string;

  constructor(status: number, graphCode: string) {
    super(`HTTP ${status} ${graphCode}`);
    this.status = status;
    this.graphCode = graphCode;
  }
}

/** The client's error for an answer of that status. */
export function errorOf(status: number, graphCode = "", retryAfter?: number): GatewayError {
  const code =
    status === 404
      ? "graph-mailbox-not-found"
      : status === 403
        ? "graph-permission-missing"
        : status === 429 || status === 503
          ? "graph-throttled"
          : status >= 500
            ? "graph-unavailable"
            : "graph-request-refused";
  const type = status >= 429 ? "wait" : "modify";
  const cause = new StatusError(status, graphCode);
  return new GatewayError(`HTTP ${status}`, { type, code, cause, ...(retryAfter !== undefined && { retryAfter }) });
}

/** A client without network in front of the simulated cloud. */
export class ScriptedGraph implements GraphClient {
  readonly host = "graph.microsoft.com";
  cloud: CloudSubscriptions;
  readonly calls: GraphRequest[] = [];
  readonly urgencies = new Set<string>();
  /** Most calls at once so far. */
  peak = 0;
  /** Asked before each call; an error is what it ends with. */
  failure: (request: GraphRequest) => GatewayError | undefined = () => undefined;
  /** Called between the cloud's answer and its arrival. */
  beforeArrival: (request: GraphRequest) => Promise<void> = async () => undefined;
  #running = 0;

  constructor(cloud: CloudSubscriptions) {
    this.cloud = cloud;
  }

  async call(request: GraphRequest, urgency: "reading" | "watching", signal: AbortSignal): Promise<GraphAnswer> {
    signal.throwIfAborted();
    this.calls.push(request);
    this.urgencies.add(urgency);
    this.#running += 1;
    this.peak = Math.max(this.peak, this.#running);
    try {
      const failure = this.failure(request);
      if (failure) throw failure;
      const answer = await this.cloud.handle(request.method, request.path, request.body);
      await this.beforeArrival(request);
      signal.throwIfAborted();
      return accepted(answer);
    } finally {
      this.#running -= 1;
    }
  }

  /** How many calls of the method there were. */
  count(method: GraphRequest["method"]): number {
    return this.calls.filter((each) => each.method === method).length;
  }
}

function accepted(answer: { readonly status: number; readonly body?: unknown } | undefined): GraphAnswer {
  const { status, body } = answer ?? { status: 404, body: undefined };
  if (status < 300) return { status, body };
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  throw errorOf(status, code);
}
