import { seconds } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import { toGatewayError } from "../ports/errors.ts";
import { type Administrators, tellAdministrators } from "./tell-administrators.ts";

/** What happens together is told together. */
const GATHER = seconds(10);
/** More than these are only counted. */
const MOST_LINES = 10;

/** Tells the administrators by chat of what needs a person, in one message for what comes together. */
export class AdminAlerts {
  readonly #deps: Administrators;
  readonly #stop = new AbortController();
  #lines: string[] = [];
  #more = 0;
  #cancel: (() => void) | undefined;

  constructor(deps: Administrators) {
    this.#deps = deps;
  }

  /** Tells it soon, or as soon as the server is connected. */
  tell(text: string): void {
    if (this.#stop.signal.aborted) return;
    if (this.#lines.length < MOST_LINES) this.#lines.push(text);
    else this.#more++;
    this.#arm();
  }

  /** What was not told yet is in the log only. */
  stop(): void {
    this.#cancel?.();
    this.#stop.abort(new Error("the gateway is stopping"));
  }

  #arm(): void {
    this.#cancel ??= after(this.#deps.runtime.clock, GATHER, () => {
      this.#cancel = undefined;
      if (!this.#deps.link.isOnline) return this.#arm();
      // Never rejects: a failure is logged.
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    const { runtime, link } = this.#deps;
    const more = this.#more > 0 ? [`… and ${this.#more} more like these: see the log.`] : [];
    const body = [...this.#lines, ...more].join("\n");
    this.#lines = [];
    this.#more = 0;
    try {
      await tellAdministrators(this.#deps, body, this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      runtime.log.warn("admin.alert-failed", { code: toGatewayError(error).code });
      if (link.isOnline) return;
      // The connection broke meanwhile: some may be told twice, nobody misses it.
      this.#lines.unshift(body);
      this.#arm();
    }
  }
}
