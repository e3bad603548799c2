import { createHash } from "node:crypto";
import { minutes } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import type { InboundNotification, NotificationAnswer } from "../ports/notification-listener.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { SourceList } from "./source-list.ts";

/** Why something was not taken; all that is told of it is how often. */
export type RefusalReason =
  | "unknownPath"
  | "unknownSource"
  | "wrongMethod"
  | "tooLarge"
  | "tooManyConnections"
  | "malformed";

const REPORT_INTERVAL = minutes(1);

/** Counts what is refused; one log event a minute at most, with counts and nothing of what was sent. */
export class RefusalCounts {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #counts = new Map<RefusalReason, number>();
  #cancel: (() => void) | undefined;

  constructor(runtime: Pick<Runtime, "clock" | "log">) {
    this.#runtime = runtime;
  }

  /** One more was refused. */
  count(reason: RefusalReason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    this.#cancel ??= after(this.#runtime.clock, REPORT_INTERVAL, () => this.#report());
  }

  /** Reports what is left, and nothing later. */
  close(): void {
    this.#cancel?.();
    if (this.#counts.size > 0) this.#report();
  }

  #report(): void {
    this.#cancel = undefined;
    this.#runtime.log.warn("notifications.refused", Object.fromEntries(this.#counts));
    this.#counts.clear();
  }
}

/** Where something may be sent to. */
export interface Endpoint {
  readonly path: string;
  /** Whether the path may be followed by a query. */
  readonly takesQuery?: boolean;
  readonly isSource: SourceList;
  readonly receive: (notification: InboundNotification) => NotificationAnswer;
}

const digest = (path: string): string => createHash("sha256").update(path).digest("base64");

/** The endpoints behind one port. Found by a digest, so that the time it takes says nothing of how much of a path was right. */
export class Endpoints {
  readonly #byDigest = new Map<string, Endpoint>();

  get size(): number {
    return this.#byDigest.size;
  }

  add(endpoint: Endpoint): void {
    this.#byDigest.set(digest(endpoint.path), endpoint);
  }

  delete(endpoint: Endpoint): void {
    const key = digest(endpoint.path);
    if (this.#byDigest.get(key) === endpoint) this.#byDigest.delete(key); // another may have the path by now
  }

  find(path: string): Endpoint | undefined {
    return this.#byDigest.get(digest(path));
  }

  /** Whether any endpoint takes from the address: whoever is nobody's source is not even listened to. */
  isAnySource(address: string): boolean {
    for (const { isSource } of this.#byDigest.values()) if (isSource(address)) return true;
    return false;
  }
}
