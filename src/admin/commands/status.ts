import { z } from "zod";
import { type CommandContext, defineCommand, type Field } from "../command.ts";
import { describeDomain } from "../describe-domain.ts";
import { describeHealth, isInTrouble, namePart } from "../describe-health.ts";
import { formatMoment } from "../format-moment.ts";
import type { LiveGateway } from "../live-gateway.ts";

/** `status`. */
export const status = defineCommand({
  name: "status",
  who: "admin",
  summary: "Shows the condition of every connection, and what the gateway counts.",
  arguments: z.strictObject({}),
  examples: ["status"],
  run: async (context) => {
    const { live } = context;
    const fields = live ? describeLive(live) : await describeStored(context);
    const troubled = live?.parts().filter(isInTrouble).length ?? 0;
    return {
      kind: "fields",
      title: live ? "The gateway is running." : "The gateway is not running: this is what is stored.",
      fields,
      warnings: troubled === 0 ? [] : [`${troubled === 1 ? "1 part is" : `${troubled} parts are`} in trouble.`],
    };
  },
});

function describeLive(live: LiveGateway): readonly Field[] {
  const now = live.now();
  const counts = live.counts();
  return [
    ...live.parts().map((part): Field => [namePart(part), describeHealth(part.health, now)]),
    ...live.domains().map((each): Field => [`domain ${each.domain}`, describeDomain(each)]),
    ["users", `${counts.presentities} enabled, calendar unknown of ${counts.stale}`],
    ["in a meeting", String(counts.inMeeting)],
    ["waiting", `publications ${counts.outbox}, calendar reads ${counts.refreshQueue}`],
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
