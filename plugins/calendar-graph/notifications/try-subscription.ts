import type { Mailbox } from "../../../src/core/addresses.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import { Turns } from "../../shared-http/turns.ts";
import type { GraphClient } from "../graph-client.ts";
import type { HttpGraphClient } from "../http-graph-client.ts";
import { SubscriptionCalls } from "./subscription-calls.ts";
import { generalTrouble } from "./subscription-problems.ts";

/** Who tries, and for whom. */
export interface SubscriptionTrial {
  readonly client: HttpGraphClient;
  readonly runtime: Pick<Runtime, "clock" | "uniqueId">;
  readonly mailbox: Mailbox;
  /** Where notifications are heard. */
  readonly url: string;
}

/** Subscribes to the mailbox and ends that at once; Graph calls the webhook meanwhile. Rejects with what stands in the way. */
export async function trySubscription(
  { client, runtime, mailbox, url }: SubscriptionTrial,
  signal: AbortSignal,
): Promise<string> {
  const { clock } = runtime;
  // At once, whatever waits.
  const direct: GraphClient = { host: client.host, call: (request, _, given) => client.tryNow(request, given) };
  const calls = new SubscriptionCalls({ client: direct, clock, pace: new Turns(() => 1) });
  try {
    const { id } = await calls.create({ mailbox, url, clientState: runtime.uniqueId() }, signal);
    await calls.delete(id, signal);
  } catch (error) {
    throw generalTrouble(error, client.host, false) ?? error;
  }
  return `Microsoft Graph reaches the webhook at ${new URL(url).host} and may tell of changes`;
}
