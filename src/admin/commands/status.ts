import { z } from "zod";
import type { Instant } from "../../lib/time.ts";
import { type CommandContext, defineCommand, type Field } from "../command.ts";
import { describeDomain } from "../describe-domain.ts";
import { describeHealth, isInTrouble, namePart } from "../describe-health.ts";
import { formatMoment } from "../format-moment.ts";
import type { GatewayCounts, GatewayPart, LiveGateway } from "../live-gateway.ts";

/** `status`. */
export const status = defineCommand({
  name: "status",
  who: "admin",
  summary: "Shows what is wrong, then the condition of every connection, and what the gateway counts.",
  arguments: z.strictObject({}),
  examples: ["status"],
  run: async (context) => {
    const { live } = context;
    if (!live) {
      const title = "The gateway is not running: this is what is stored.";
      return { kind: "fields", title, fields: await describeStored(context) };
    }
    const troubled = live.parts().filter(isInTrouble).length;
    const trouble = troubled === 0 ? "" : ` ${troubled === 1 ? "1 part is" : `${troubled} parts are`} in trouble:`;
    return { kind: "fields", title: `The gateway is running.${trouble}`, fields: describeLive(live) };
  },
});

/** More calendar servers in order than these do not fit on a screen beside the rest: they are named only. */
const MOST_SERVERS = 6;

/** What is wrong, and then what is not, comes first. */
function describeLive(live: LiveGateway): readonly Field[] {
  const now = live.now();
  const parts = live.parts();
  const describe = (part: GatewayPart): Field => [namePart(part), describeHealth(part.health, now)];
  const rest = parts.filter((part) => !isInTrouble(part));
  const inOrder = rest.filter(({ health }) => health.state === "ok");
  const servers = inOrder.filter(({ kind }) => kind === "calendar");
  return [
    ...parts.filter(isInTrouble).map(describe),
    ...describeFailing(live.counts()),
    ...rest.filter(({ health }) => health.state !== "ok").map(describe),
    ...inOrder.filter(({ kind }) => kind !== "calendar").map(describe),
    ...(servers.length <= MOST_SERVERS ? servers.map(describe) : nameOnly(servers)),
    ...live.domains().map((each): Field => [`domain ${each.domain}`, describeDomain(each)]),
    ...describeCounts(live.counts(), now),
  ];
}

const nameOnly = (servers: readonly GatewayPart[]): readonly Field[] => [
  ["gateways in order", servers.map(({ name }) => name).join(", ")],
];

const describeFailing = ({ failing }: GatewayCounts): readonly Field[] =>
  failing.map(
    ({ publisher, count, because }): Field => [`failing by ${publisher}`, `${count}, one of them: ${because}`],
  );

function describeCounts(counts: GatewayCounts, now: Instant): readonly Field[] {
  const since = counts.oldestDue === undefined ? "" : `, the oldest since ${formatMoment(counts.oldestDue, now)}`;
  return [
    ["users", `${counts.presentities} enabled, calendar unknown of ${counts.stale}`],
    ["in a meeting", String(counts.inMeeting)],
    ["waiting", `publications ${counts.outbox}${since}; calendar reads ${counts.refreshQueue}`],
    [
      "oldest calendar",
      counts.oldestHeard === undefined ? "none read yet" : `read at ${formatMoment(counts.oldestHeard, now)}`,
    ],
  ];
}

async function describeStored({ registry }: CommandContext): Promise<readonly Field[]> {
  const users = await registry.listUsers();
  const gateways = await registry.listCalendarServers();
  const enabled = users.filter((user) => user.isEnabled).length;
  const optedOut = users.filter((user) => user.isEnabled && user.optedOutAt !== undefined).length;
  const leftOut = optedOut === 0 ? "" : ` (of them ${optedOut} opted out)`;
  return [
    ["users", `${enabled} enabled${leftOut}, ${users.length - enabled} disabled`],
    ["gateways", gateways.map((each) => (each.isEnabled ? each.name : `${each.name} (disabled)`)).join(", ") || "none"],
  ];
}
