import type { Mailbox } from "../core/addresses.ts";
import type { GatewayError } from "../ports/errors.ts";
import type { CalendarServer } from "../ports/registry.ts";
import type { MailboxPlacement } from "./mailbox-placement.ts";
import type { Member } from "./pool-server.ts";
import type { Presentities } from "./presentity.ts";
import { type RetirementDeps, recordRetirement, recordSuccession } from "./retirement.ts";

/** The name of the one of the others that follows on the server, if there is one. */
export type FindSuccessor = (server: CalendarServer, others: readonly CalendarServer[]) => string | undefined;

/** What successions work with. */
export interface SuccessionsDeps extends RetirementDeps {
  readonly members: ReadonlyMap<string, Member>;
  readonly placement: MailboxPlacement;
  readonly presentities: Presentities;
  readonly findSuccessor: FindSuccessor;
}

/** Hands mailboxes on where a service is withdrawn. */
export class Successions {
  readonly #deps: SuccessionsDeps;

  constructor(deps: SuccessionsDeps) {
    this.#deps = deps;
  }

  /** Whom an administrator has named, or who serves the same mailboxes by a service that follows. */
  successorOf({ server }: Member): string | undefined {
    const { members, findSuccessor } = this.#deps;
    return (
      server.successor ??
      findSuccessor(
        server,
        [...members.values()].map((each) => each.server),
      )
    );
  }

  /** Gives all its mailboxes to the successor, for good; false when there is none that works. */
  retire(member: Member, because: string): boolean {
    const { placement, presentities, runtime } = this.#deps;
    const { name, retired: isRetired } = member.server;
    if (isRetired) return presentities.countOn(name) === 0;
    const successor = this.successorOf(member);
    if (successor === undefined || !placement.isServed(successor)) return false;
    const retired = { at: runtime.clock.now(), because };
    member.server = { ...member.server, successor, retired };
    const mailboxes = placement.evacuate(name);
    // Never rejects.
    void recordRetirement(this.#deps, member.server, retired, mailboxes);
    return true;
  }

  /** One mailbox alone is served no more. */
  succeed(member: Member, mailbox: Mailbox, { message }: GatewayError): void {
    const { placement, alert } = this.#deps;
    const { server } = member;
    if (placement.succeed(server.name, mailbox) > 0) {
      // Never rejects.
      void recordSuccession(this.#deps, { ...server, successor: this.successorOf(member) ?? "" }, mailbox, message);
    }
    if (member.hasToldWithdrawal) return;
    member.hasToldWithdrawal = true;
    alert(`Calendar server ${server.name} does not serve every mailbox any more: ${message}`);
  }
}
