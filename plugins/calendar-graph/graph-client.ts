import type { GatewayError } from "../../src/ports/errors.ts";

/** One request to Microsoft Graph. */
export interface GraphRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the version, with a leading slash: `/users/alice%40example.com/calendar/getSchedule`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Calendars go on without it: its failure says nothing of the service's health. */
  readonly isAside?: boolean;
}

/** An answer that is no failure (HTTP 2xx). */
export interface GraphAnswer {
  readonly status: number;
  /** Parsed JSON that nobody has checked; undefined when there was none. */
  readonly body: unknown;
}

/** Calls Microsoft Graph as the application: limited, with a token, patient. */
export interface GraphClient {
  /** The `host` of Graph, as errors name it. */
  readonly host: string;
  /** One exchange, when the limiter allows. Rejects with GatewayError `graph-…` or the signal's reason. */
  call(request: GraphRequest, urgency: "reading" | "watching", signal: AbortSignal): Promise<GraphAnswer>;
}

/** One whose requests wait for each other. */
export interface LimitedGraphClient extends GraphClient {
  /** A request inside of another failed so: a pause that it asks for holds for all. */
  noteFailure(error: GatewayError): void;
}
