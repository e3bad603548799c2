import type { GatewayCounts, GatewayPart, LiveGateway } from "../admin/live-gateway.ts";
import type { BareJid, Mailbox } from "../core/addresses.ts";
import type { DirectorySync } from "../engine/directories/directory-sync.ts";
import type { Gateway } from "../engine/gateway.ts";
import { measurePresentities } from "../engine/measure-presentities.ts";
import { policyFromParameters } from "../engine/policy-from-parameters.ts";
import type { PublishDue } from "../engine/publish-due.ts";
import { earlier, type Instant, plus } from "../lib/time.ts";
import type { TestStep, TestSubject } from "../ports/calendar-source.ts";
import type { ClientPresenceSource } from "../ports/client-presence-source.ts";
import { GatewayError } from "../ports/errors.ts";
import type { Parameters } from "../ports/parameters.ts";
import type { Health } from "../ports/plugin.ts";
import type { Clock } from "../ports/runtime.ts";
import type { XmppLink } from "../ports/xmpp-link.ts";

/** What the view looks at. */
export interface LiveViewDeps {
  readonly gateway: Gateway;
  readonly link: Pick<XmppLink, "domain" | "send" | "access" | "health">;
  /** The domains that are served, and those of them whose users have contact JIDs. */
  readonly served: { readonly domains: readonly BareJid[]; readonly "contact-domains": readonly BareJid[] };
  readonly uniqueId: () => string;
  readonly clock: Clock;
  readonly parameters: Parameters;
  readonly storeHealth: () => Health;
  readonly clientSources: readonly { readonly name: string; readonly source: ClientPresenceSource }[];
  readonly directories?: readonly DirectorySync[];
}

/** The running gateway as commands see it. */
export function createLiveView(deps: LiveViewDeps): LiveGateway {
  const { gateway, clock } = deps;
  return {
    now: () => clock.now(),
    parts: () => listParts(deps),
    counts: () => countAll(deps),
    domains: () =>
      deps.served.domains.map((domain) => ({
        domain,
        access: deps.link.access(domain),
        hasContacts: deps.served["contact-domains"].includes(domain),
      })),
    entry: (id) => gateway.describe(id),
    publisherDetails: (name, id) =>
      gateway.publishers.find((each) => each.name === name)?.publisher.describe?.(id) ?? [],
    mailboxesOn: (server) => gateway.presentities.countOn(server),
    refresh: (id) => {
      const presentity = gateway.presentities.find(id);
      if (presentity) gateway.calendarServers.refresh(presentity);
    },
    testCalendarServer: (name, subject, signal) => testServer(gateway, { name, subject }, signal),
    findCalendarName: (name, mailbox, signal) => findCalendarName(gateway, { name, mailbox }, signal),
    setOverride: (id, override) => gateway.setOverride(id, override),
    tellUser: (id, text, language) => {
      const attributes = { from: deps.link.domain, to: id, type: "chat", id: deps.uniqueId(), "xml:lang": language };
      return deps.link.send({ name: "message", attributes, children: [{ name: "body", children: [text] }] });
    },
  };
}

function listParts({
  gateway,
  link,
  storeHealth,
  clientSources,
  directories = [],
}: LiveViewDeps): readonly GatewayPart[] {
  return [
    { name: "xmpp", kind: "xmpp", health: link.health() },
    ...clientSources.map(({ name, source }) => ({ name, kind: "clients" as const, health: source.health() })),
    ...[...gateway.calendarServers.health()].map(([name, health]) => ({ name, kind: "calendar" as const, health })),
    ...gateway.publishers.map((due) => ({
      name: due.name,
      kind: "publisher" as const,
      health: describePublisher(due),
    })),
    ...directories.map((each) => ({ name: each.settings.name, kind: "directory" as const, health: each.health() })),
    { name: "store", kind: "store", health: storeHealth() },
  ];
}

/** A publisher without an epoch waits for its server, or for a module that the server does not have. */
function describePublisher({ publisher, lastError }: PublishDue): Health {
  const health = publisher.health();
  if (lastError && health.state !== "down" && health.state !== "degraded")
    return { state: "degraded", error: lastError };
  const isWaiting = health.state === "ok" && publisher.epoch() === undefined;
  return isWaiting ? { ...health, detail: health.detail ?? "waits for its server" } : health;
}

function countAll({ gateway, clock, parameters }: LiveViewDeps): GatewayCounts {
  const staleBefore = plus(clock.now(), -policyFromParameters(parameters, new Set()).staleAfter);
  const { users, inMeeting, calendars, outboxes } = measurePresentities(gateway.presentities, staleBefore);
  const heardAt = [...calendars.values()].flatMap((each) => each.heardAt);
  const oldestHeard = heardAt.reduce<Instant | undefined>((a, b) => (a === undefined ? b : earlier(a, b)), undefined);
  const rows = [...outboxes];
  const oldestDue = rows
    .map(([, { oldest }]) => oldest)
    .reduce<Instant | undefined>((a, b) => (a === undefined ? b : earlier(a, b)), undefined);
  return {
    presentities: users,
    withCalendar: heardAt.length,
    stale: [...calendars.values()].reduce((sum, { unknown }) => sum + unknown, 0),
    inMeeting,
    outbox: gateway.publishers.reduce((sum, { depth }) => sum + depth, 0),
    refreshQueue: gateway.calendarServers.depth,
    ...(oldestHeard !== undefined && { oldestHeard }),
    ...(oldestDue !== undefined && { oldestDue }),
    failing: rows.flatMap(([publisher, { failing, because = "" }]) =>
      failing > 0 ? [{ publisher, count: failing, because }] : [],
    ),
  };
}

async function* testServer(
  gateway: Gateway,
  { name, subject }: { name: string; subject: TestSubject },
  signal: AbortSignal,
): AsyncIterable<TestStep> {
  const source = gateway.calendarServers.source(name);
  if (!source?.test) throw lacking(name, "test");
  yield* source.test(subject, signal);
}

async function findCalendarName(
  gateway: Gateway,
  { name, mailbox }: { name: string; mailbox: Mailbox },
  signal: AbortSignal,
): Promise<string> {
  const source = gateway.calendarServers.source(name);
  if (!source?.findCalendarName) throw lacking(name, "names");
  return source.findCalendarName(mailbox, signal);
}

/** Makes `calendar-no-test` or `calendar-no-names`. */
const lacking = (name: string, what: "test" | "names"): GatewayError =>
  new GatewayError(`the calendar server ${name} is not running or has no ${what}; see "gateway show ${name}"`, {
    type: "cancel",
    code: `calendar-no-${what}`,
  });
