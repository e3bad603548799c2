import type { SipAor } from "../core/addresses.ts";
import type { OutboxRow } from "../ports/journal.ts";
import type { PresencePublisher } from "../ports/presence-publisher.ts";
import type { User } from "../ports/registry.ts";

/** The address of record under which the publisher is to show the user; none by publishers with other addresses. */
export const wantedAddress = ({ capabilities }: PresencePublisher, user: User | undefined): SipAor | undefined =>
  capabilities.addressType === "sip" && user?.isEnabled ? user.sip : undefined;

/** Under which addresses of record something is, or may be, shown. */
export interface AddressState {
  readonly shown: SipAor | undefined;
  readonly pending: OutboxRow | undefined;
  /** Whether something that was sent may yet take effect, or has done so unnoticed. */
  readonly isUncertain: boolean;
}

/**
 * The address of record that must be left before anything else: what was shown under it would stay there, of a user who
 * has another one or none. One after the other: a presentity has one publication at a time.
 */
export function addressToLeave(
  wanted: SipAor | undefined,
  { shown, pending, isUncertain }: AddressState,
): SipAor | undefined {
  if (shown !== undefined && shown !== wanted) return shown;
  return isUncertain && pending?.sip !== wanted ? pending?.sip : undefined;
}
