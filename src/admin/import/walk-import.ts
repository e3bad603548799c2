import { setImmediate as breathe } from "node:timers/promises";
import type { AuditEntry, User } from "../../ports/registry.ts";
import type { CommandContext } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { describeUser } from "../user-rules.ts";
import { type Decision, RowDecider } from "./decide-rows.ts";
import { type ImportRow, readImport, type WrongRow } from "./read-import.ts";

/** What a list came to, row by row. */
export interface ImportReport {
  readonly counts: Readonly<Record<Decision["kind"], number>>;
  /** `line 12: …`, those of the first rows; `more` says how many rows more have some. */
  readonly problems: readonly string[];
  readonly moreProblems: number;
  readonly warnings: readonly string[];
  readonly moreWarnings: number;
}

/** Rows between two looks at whatever else the gateway has to do; they share a transaction. */
const ROWS_AT_ONCE = 250;
const ROWS_BETWEEN_WORDS = 5000;
const MOST_SHOWN = 20;

/** What becomes of the rows: nothing but a report, or the users that they name, as the import's change. */
export type WalkPurpose = { readonly kind: "check" } | { readonly kind: "apply"; readonly id: number };

/**
 * Goes through a list as it was given, a part at a time; yields a line now and then. Applying it twice changes nothing
 * the second time, so that it may break off anywhere. Throws `import-invalid`, `command-not-possible` for a list that is
 * there no more, and as the store does.
 */
export async function* walkImport(
  context: CommandContext,
  text: string,
  purpose: WalkPurpose,
  signal: AbortSignal,
): AsyncGenerator<string, ImportReport, undefined> {
  const walk: Walk = { context, decider: await RowDecider.create(context), report: new Report() };
  let done = 0;
  for (const rows of inParts(readImport(text))) {
    const changes = await decide(walk, rows);
    if (purpose.kind === "apply") await apply(context, changes, { id: purpose.id, done });
    done += rows.length;
    if (done % ROWS_BETWEEN_WORDS === 0) yield `${done} rows are ${purpose.kind === "apply" ? "applied" : "checked"}.`;
    await breathe();
    signal.throwIfAborted();
  }
  return walk.report.close();
}

interface Walk {
  readonly context: CommandContext;
  readonly decider: RowDecider;
  readonly report: Report;
}

interface Change {
  readonly user: User;
  readonly before: User | undefined;
}

/** Looks at each user as it is now: while other parts were done, others may have changed it. */
async function decide(
  { context, decider, report }: Walk,
  rows: readonly (ImportRow | WrongRow)[],
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const row of rows) {
    const before = "jid" in row ? await context.registry.findUser(row.jid) : undefined;
    const decision = decider.decide(row, before);
    report.add(row.line, decision);
    if (decision.kind === "new" || decision.kind === "changed") changes.push({ user: decision.user, before });
  }
  return changes;
}

function* inParts(rows: Iterable<ImportRow | WrongRow>): Generator<readonly (ImportRow | WrongRow)[]> {
  let part: (ImportRow | WrongRow)[] = [];
  for (const row of rows) {
    part.push(row);
    if (part.length < ROWS_AT_ONCE) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** Another administrator may take the list back while it is applied. */
async function apply(
  context: CommandContext,
  changes: readonly Change[],
  { id, done }: { readonly id: number; readonly done: number },
): Promise<void> {
  const isKept = (await context.imports.list()).some((list) => list.id === id);
  if (!isKept)
    throw commandError("command-not-possible", `Import ${id} was cancelled: only its first ${done} rows are applied.`);
  if (changes.length > 0) await write(context, changes, id);
}

async function write(
  { registry, clock, actor }: CommandContext,
  changes: readonly Change[],
  id: number,
): Promise<void> {
  const at = clock.now();
  const audit = changes.map(
    (change): AuditEntry => ({
      at,
      actor: actor.name,
      action: actionOf(change),
      subject: change.user.presentity,
      detail: `${describeUser(change.user)}, by import ${id}`,
    }),
  );
  await registry.replaceUsers(
    changes.map(({ user }) => user),
    audit,
  );
}

function actionOf({ user, before }: Change): string {
  if (user.isEnabled === (before?.isEnabled ?? false)) return "user.changed";
  return user.isEnabled ? "user.enabled" : "user.disabled";
}

/** Counts everything and shows the first of what is wrong or odd. */
class Report {
  readonly #counts = { new: 0, changed: 0, same: 0, wrong: 0 };
  readonly #problems: string[] = [];
  readonly #warnings: string[] = [];
  #troubled = 0;
  #odd = 0;

  add(line: number, decision: Decision): void {
    this.#counts[decision.kind]++;
    const said = decision.kind === "wrong" ? decision.problems : decision.warnings;
    if (said.length === 0) return;
    if (decision.kind === "wrong") this.#troubled++;
    else this.#odd++;
    const shown = decision.kind === "wrong" ? this.#problems : this.#warnings;
    if (shown.length < MOST_SHOWN) shown.push(`line ${line}: ${said.join("; ")}`);
  }

  close(): ImportReport {
    return {
      counts: this.#counts,
      problems: this.#problems,
      moreProblems: this.#troubled - this.#problems.length,
      warnings: this.#warnings,
      moreWarnings: this.#odd - this.#warnings.length,
    };
  }
}

/** `15000 rows: 14000 new, 500 changed, 400 the same, 100 wrong`. */
export function describeCounts({ counts }: ImportReport): string {
  const rows = counts.new + counts.changed + counts.same + counts.wrong;
  return `${rows === 1 ? "1 row" : `${rows} rows`}: ${counts.new} new, ${counts.changed} changed, ${counts.same} the same, ${counts.wrong} wrong`;
}
