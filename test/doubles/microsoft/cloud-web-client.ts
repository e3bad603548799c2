import { Deadline } from "../../../plugins/shared-http/deadline.ts";
import { orAborted } from "../../../plugins/shared-http/or-aborted.ts";
import {
  type WebAnswer,
  type WebClient,
  WebError,
  type WebLimits,
  type WebRequest,
} from "../../../plugins/shared-http/web-client.ts";
import type { Clock } from "../../../src/ports/runtime.ts";
import type { MicrosoftCloud } from "./microsoft-cloud.ts";
import type { CloudAnswer } from "./wire.ts";

/** The text that goes over the wire. */
export const textOf = ({ body, text }: CloudAnswer): string => text ?? (body === undefined ? "" : JSON.stringify(body));

/** Leads every request to the cloud without a socket, so that thousands take no time. */
export class CloudWebClient implements WebClient {
  readonly #cloud: MicrosoftCloud;
  readonly #clock: Clock;
  /** Set, nothing can be reached. */
  failure: WebError | undefined;

  constructor(cloud: MicrosoftCloud, clock: Clock) {
    this.#cloud = cloud;
    this.#clock = clock;
  }

  async send(request: WebRequest, { timeout }: WebLimits, signal: AbortSignal): Promise<WebAnswer> {
    signal.throwIfAborted();
    if (this.failure) throw this.failure;
    const { method, url, headers, body = "" } = request;
    const deadline = new Deadline(this.#clock, signal);
    deadline.set(timeout, () => new WebError("timeout", `${url.host}: no answer within ${timeout / 1000} s`));
    try {
      const handled = this.#cloud.handle({ method, url, headers: new Map(Object.entries(headers)), body });
      const answer = await orAborted(handled, deadline.signal);
      const named = new Map(Object.entries(answer.headers ?? {}));
      return { status: answer.status, header: (name) => named.get(name), text: textOf(answer) };
    } finally {
      deadline.end();
    }
  }

  async close(): Promise<void> {
    this.failure = new WebError("network", "closed");
  }
}
