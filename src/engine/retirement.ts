import type { Mailbox } from "../core/addresses.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { AuditEntry, CalendarServer, Registry, Retirement } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";

/** What is told and written down of successions. */
export interface RetirementDeps {
  readonly runtime: Pick<Runtime, "clock" | "log">;
  readonly registry: Registry;
  readonly alert: (text: string) => void;
}

/**
 * Tells, audits and writes down that the server is retired, so that it stays so after a restart; who takes it back is an
 * administrator. Never rejects.
 */
export async function recordRetirement(
  deps: RetirementDeps,
  { name, successor = "" }: CalendarServer,
  retired: Retirement,
  mailboxes: number,
): Promise<void> {
  const { log } = deps.runtime;
  log.warn("calendar.server-retired", { gateway: name, successor, message: retired.because, mailboxes });
  deps.alert(
    `Calendar server ${name} is retired: ${retired.because} Its ${mailboxes} mailboxes are with ${successor} now, until you say otherwise: gateway set ${name} retired=no`,
  );
  try {
    const server = await deps.registry.findCalendarServer(name);
    // Who changed it meanwhile knows better.
    if (server && (server.successor ?? successor) === successor)
      await deps.registry.replaceCalendarServer({ ...server, successor, retired });
    const detail = `successor=${successor} mailboxes=${mailboxes}: ${retired.because}`;
    await deps.registry.recordAudit(entryOf(retired.at, { action: "gateway.retired", subject: name, detail }));
  } catch (error) {
    const { code, message } = toGatewayError(error);
    log.error("calendar.retirement-not-recorded", { gateway: name, code, message });
  }
}

/** Logs and audits that one mailbox alone went to the successor. Never rejects. */
export async function recordSuccession(
  { runtime: { clock, log }, registry }: RetirementDeps,
  { name, successor = "" }: CalendarServer,
  mailbox: Mailbox,
  because: string,
): Promise<void> {
  log.info("calendar.mailbox-succeeded", { gateway: name, successor, mailbox });
  const detail = `from ${name} to ${successor}: ${because}`;
  try {
    await registry.recordAudit(entryOf(clock.now(), { action: "mailbox.succeeded", subject: mailbox, detail }));
  } catch (error) {
    log.error("calendar.retirement-not-recorded", { gateway: name, code: toGatewayError(error).code });
  }
}

const entryOf = (at: AuditEntry["at"], what: Omit<AuditEntry, "at" | "actor">): AuditEntry => ({
  at,
  actor: "gateway",
  ...what,
});
