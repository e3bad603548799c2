import type { BareJid } from "../../core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../../lib/backoff.ts";
import { minutes, seconds } from "../../lib/time.ts";
import { toGatewayError } from "../../ports/errors.ts";
import type { Runtime } from "../../ports/runtime.ts";
import type { UserImport } from "../../ports/user-imports.ts";
import { findAdministrator } from "../authorization.ts";
import type { CommandServices } from "../command.ts";
import { applyImport } from "./apply-import.ts";
import { describeCounts } from "./walk-import.ts";

/** How late a list may be applied; whoever schedules one may be another process. */
const LOOK = seconds(5);
const RETRY: BackoffPolicy = { first: LOOK, longest: minutes(5) };

/** What the schedule works with. */
export interface ImportScheduleDeps {
  readonly services: CommandServices;
  readonly runtime: Pick<Runtime, "clock" | "log" | "random">;
  /** Who may have lists applied, as `parseBareJid` gives them. */
  readonly admins: readonly BareJid[];
  readonly alerts: { tell(text: string): void };
}

/**
 * Applies lists of users when their time has come, also what came due while no gateway ran. Returns what ends it: it
 * breaks off what is under way, which goes on at the next start, and waits for it.
 */
export function startImportSchedule(deps: ImportScheduleDeps): () => Promise<void> {
  const lifetime = new AbortController();
  const running = new ImportSchedule(deps).run(lifetime.signal);
  return () => {
    lifetime.abort(new Error("the gateway is stopping"));
    return running;
  };
}

class ImportSchedule {
  readonly #deps: ImportScheduleDeps;

  constructor(deps: ImportScheduleDeps) {
    this.#deps = deps;
  }

  /** Never rejects: the top of the loop. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#deps.runtime;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#applyDue(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        const { code, message } = toGatewayError(error);
        log.error("import.failed", { code, message });
        if (failures === 1)
          this.#deps.alerts.tell(
            `A list of users that is due could not be applied: ${message} (${code}). It is tried again.`,
          );
      }
      const pause = failures === 0 ? LOOK : backoffDelay(RETRY, failures, random());
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  async #applyDue(signal: AbortSignal): Promise<void> {
    const { services } = this.#deps;
    const now = services.clock.now();
    const due = (await services.imports.list()).filter((list) => list.due !== undefined && list.due.at <= now);
    for (const list of due.reverse()) await this.#apply(list, signal);
  }

  async #apply({ id, due }: UserImport, signal: AbortSignal): Promise<void> {
    const { services, runtime, admins, alerts } = this.#deps;
    const list = await services.imports.find(id);
    if (!list || !due) return;
    const actor = findAdministrator(due.by, { ...services, admins });
    if (!actor) {
      const outcome = `not applied: ${due.by} is no administrator any more`;
      await services.imports.recordApplied(id, { at: services.clock.now(), outcome });
      alerts.tell(`Import ${id} was ${outcome}.`);
      return;
    }
    const lines = applyImport({ ...services, actor }, list, signal);
    for (;;) {
      const { done, value } = await lines.next();
      if (!done) continue;
      runtime.log.info("import.applied", { import: id, wrong: value.counts.wrong });
      alerts.tell(`Import ${id} is applied, as ${due.by} asked. ${describeCounts(value)}.`);
      return;
    }
  }
}
