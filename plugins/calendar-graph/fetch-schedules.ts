import type { Mailbox } from "../../src/core/addresses.ts";
import { hours, type TimeWindow } from "../../src/lib/time.ts";
import type { BusyTimeResult } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { Anchors } from "./anchors.ts";
import type { BatchSize } from "./batch-size.ts";
import { decodeSchedules, encodeGetSchedule } from "./get-schedule.ts";
import type { GraphClient } from "./graph-client.ts";
import { concernsMailbox, graphError, isGraphError } from "./graph-errors.ts";

/** What reading needs. */
export interface FetchDeps {
  readonly client: GraphClient;
  readonly anchors: Anchors;
  readonly batch: BatchSize;
  readonly clock: Clock;
}

// getSchedule: "less than 62 days" (2024).
const LONGEST_WINDOW = hours(62 * 24);
// So many mailboxes that are denied are not single mailboxes: it is the application that lacks the right.
const MOST_DENIED = 3;

/** One result per mailbox, in order; in smaller requests where the service refuses the size. */
export async function fetchSchedules(
  deps: FetchDeps,
  mailboxes: readonly Mailbox[],
  window: TimeWindow,
  signal: AbortSignal,
): Promise<readonly BusyTimeResult[]> {
  if (window.end - window.start >= LONGEST_WINDOW) {
    throw graphError("graph-window-too-big", `${deps.client.host}: ${(window.end - window.start) / hours(24)} days`);
  }
  const results: BusyTimeResult[] = [];
  while (results.length < mailboxes.length) {
    const part = mailboxes.slice(results.length, results.length + deps.batch.now);
    try {
      results.push(...(await fetchPart(deps, part, window, signal)));
    } catch (error) {
      if (!isGraphError(error, "graph-batch-too-big") || !deps.batch.stepDown(part.length)) throw error;
    }
  }
  return results;
}

async function fetchPart(
  { client, anchors, clock }: FetchDeps,
  part: readonly Mailbox[],
  window: TimeWindow,
  signal: AbortSignal,
): Promise<readonly BusyTimeResult[]> {
  const denials: GatewayError[] = [];
  for (const anchor of anchors.candidates(part, clock.now())) {
    try {
      const { body } = await client.call(encodeGetSchedule(anchor, part, window), "reading", signal);
      const results = decodeSchedules(body, part, window, client.host);
      anchors.worked(anchor);
      return results;
    } catch (error) {
      if (!concernsMailbox(error)) throw error;
      anchors.failed(anchor, ofMailbox(anchor, error), clock.now());
      if (error.type === "auth") denials.push(error);
    }
    if (denials.length >= MOST_DENIED) break;
  }
  const [denial] = denials;
  if (denial && !anchors.hasGood) throw denial;
  return part.map((mailbox) => ({
    mailbox,
    error: anchors.errorOf(mailbox, clock.now()) ?? noAnchor(client, mailbox),
  }));
}

const noAnchor = ({ host }: GraphClient, mailbox: Mailbox): GatewayError =>
  graphError("graph-availability-failed", `${mailbox} at ${host}: no mailbox could be asked on its behalf`);

/** The error with the mailbox's name, for the client names the host only. */
export const ofMailbox = (mailbox: Mailbox, { message, type, code, cause }: GatewayError): GatewayError =>
  new GatewayError(`${mailbox} at ${message}`, { type, code, cause });
