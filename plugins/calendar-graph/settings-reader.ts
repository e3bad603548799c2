import type { Mailbox } from "../../src/core/addresses.ts";
import { seconds } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { MailboxSettingsResult } from "../../src/ports/mailbox-settings.ts";
import { answerError } from "./answer-errors.ts";
import { type BatchedAnswer, callBatch } from "./batch.ts";
import type { LimitedGraphClient } from "./graph-client.ts";
import { graphError, isGraphError } from "./graph-errors.ts";
import { decodeSettings, encodeGetSettings, type SettingsChoice } from "./mailbox-settings.ts";

// So many mailboxes that are denied are not single mailboxes: it is the application that lacks the right.
const MOST_DENIED = 3;
// Graph does not always say how long.
const PAUSE = seconds(30);
const FAILED_DEPENDENCY = 424;

/** Reads mailboxes' settings in batches of at most `LARGEST_BATCH`. */
export class SettingsReader {
  readonly #client: LimitedGraphClient;
  readonly #choice: SettingsChoice;
  /** The application may read them. */
  #hasWorked = false;

  constructor(client: LimitedGraphClient, choice: SettingsChoice) {
    this.#client = client;
    this.#choice = choice;
  }

  /** One result per mailbox, in order. Rejects when the application may not read any. */
  async read(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<readonly MailboxSettingsResult[]> {
    const results: MailboxSettingsResult[] = [];
    while (results.length < mailboxes.length) {
      results.push(...(await this.#readPart(mailboxes.slice(results.length), signal)));
      this.#refuseDenied(results, mailboxes.length);
    }
    return results;
  }

  /** Results of the first ones: of all that were performed, one at least. */
  async #readPart(part: readonly Mailbox[], signal: AbortSignal): Promise<readonly MailboxSettingsResult[]> {
    const requests = part.map((mailbox) => encodeGetSettings(mailbox, this.#choice));
    const answers = await callBatch(this.#client, requests, signal);
    const next = answers.findIndex((answer, index) => index > 0 && answer?.status === FAILED_DEPENDENCY);
    const performed = next === -1 ? part : part.slice(0, next);
    const results = performed.map((mailbox, index) => this.#decode(mailbox, answers[index]));
    const refusal = results.map(errorOf).find((error) => isGraphError(error, "graph-throttled", "graph-unavailable"));
    if (!refusal) return results;
    if (isGraphError(refusal, "graph-throttled")) this.#client.noteFailure(refusal);
    // Whoever would come next waits as well.
    return [...results, ...part.slice(performed.length).map((mailbox) => ({ mailbox, error: refusal }))];
  }

  #decode(mailbox: Mailbox, answer: BatchedAnswer | undefined): MailboxSettingsResult {
    const subject = `${mailbox} at ${this.#client.host}`;
    if (!answer || answer.status === FAILED_DEPENDENCY) {
      return { mailbox, error: graphError("graph-settings-missing", `${subject}: the answer leaves it out`) };
    }
    if (answer.status >= 300) return { mailbox, error: settingsError(answer, subject) };
    const settings = decodeSettings(answer.body, this.#choice);
    if (!settings) return { mailbox, error: graphError("graph-bad-answer", `${subject}: no mailbox settings`) };
    this.#hasWorked = true;
    return { mailbox, settings };
  }

  #refuseDenied(results: readonly MailboxSettingsResult[], wanted: number): void {
    if (this.#hasWorked) return;
    const denials = results.map(errorOf).filter((error) => isGraphError(error, "graph-settings-denied"));
    if (denials.length < Math.min(MOST_DENIED, wanted)) return;
    throw graphError("graph-settings-denied", `${this.#client.host}: mailbox settings may not be read`);
  }
}

const errorOf = (result: MailboxSettingsResult): GatewayError | undefined =>
  "error" in result ? result.error : undefined;

/** A right that is lacking has its own code: that of the calendars is another. */
function settingsError(answer: BatchedAnswer, subject: string): GatewayError {
  const error = answerError(answer, subject);
  const { cause, retryAfter = PAUSE } = error;
  if (isGraphError(error, "graph-permission-missing", "graph-access-denied")) {
    return graphError("graph-settings-denied", `${subject}: denied`, { cause });
  }
  if (!isGraphError(error, "graph-throttled")) return error;
  return graphError("graph-throttled", `${subject}: HTTP ${answer.status} for mailbox settings`, { cause, retryAfter });
}
