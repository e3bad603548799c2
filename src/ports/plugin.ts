import type { Instant } from "../lib/time.ts";
import type { GatewayError } from "./errors.ts";

/** A plugin's condition, from memory. */
export type Health =
  /** `isIdle`: there is nothing that it could work with, and that is no trouble; what it published counts no more. */
  | { readonly state: "ok"; readonly detail?: string; readonly since?: Instant; readonly isIdle?: boolean }
  | { readonly state: "starting" | "stopped" }
  | { readonly state: "degraded" | "down"; readonly error: GatewayError; readonly since?: Instant };

/** What every plugin can do. `create` only wires; `start` connects. */
export interface Plugin {
  /** Opens connections; rejects with GatewayError when it never will work. */
  start(signal: AbortSignal): Promise<void>;
  /** Safe after a failed start, and twice. */
  stop(): Promise<void>;
  /** From memory, no I/O, never throws. */
  health(): Health;
}
