import type { Mailbox } from "../../src/core/addresses.ts";
import type { BusyTimeResult } from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import { type AvailabilityQuery, availabilityOperation } from "./availability.ts";
import type { Operation } from "./ews-client.ts";
import { concernsMailbox } from "./ews-errors.ts";
import type { EwsAnswer } from "./transport.ts";

type Call = <Content>(operation: Operation<Content>) => Promise<EwsAnswer<Content>>;

// More that cannot be impersonated one after the other are the application's trouble, not theirs.
const MOST_TRIED = 3;

/**
 * GetUserAvailability of an application, which has no mailbox: asked as the first of the mailboxes, or as the next where
 * that one cannot be impersonated. So the load is spread over their budgets too. Rejects as `call` does.
 */
export async function fetchAsOwner(query: AvailabilityQuery, call: Call): Promise<readonly BusyTimeResult[]> {
  const failed = new Map<Mailbox, GatewayError>();
  for (const impersonated of query.mailboxes.slice(0, MOST_TRIED)) {
    try {
      return (await call(availabilityOperation({ ...query, impersonated }))).content;
    } catch (error) {
      if (!concernsMailbox(error) || failed.size + 1 === MOST_TRIED) throw error;
      failed.set(impersonated, error);
    }
  }
  return query.mailboxes.flatMap((mailbox) => {
    const error = failed.get(mailbox);
    return error ? [{ mailbox, error }] : [];
  });
}
