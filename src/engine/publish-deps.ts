import type { Journal } from "../ports/journal.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Presentities, Presentity } from "./presentity.ts";

/** What publishing works with. */
export interface PublishDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly presentities: Presentities;
  /** True while more changes of this instant are about to come: ends may be among them, and go before starts. */
  readonly isCatchingUp: () => boolean;
  /** Called when published state was lost with its server: the presentity is to be planned anew. */
  readonly replan: (presentity: Presentity) => void;
  /** Called after what is shown has changed. */
  readonly shown: (presentity: Presentity) => void;
  /** Called when a row was dealt with: somebody who is no user any more may be forgotten. */
  readonly settled: (presentity: Presentity) => void;
}
