import { z } from "zod";
import { type CommandContext, defineCommand, type Field } from "../command.ts";
import { describeHealth, isInTrouble, namePart } from "../describe-health.ts";
import { detailFields } from "../describe-publication.ts";
import type { GatewayPart, LiveGateway } from "../live-gateway.ts";

/** The publisher and the source of clients that speak SIP. */
const SIP = "sip";

/** `sip status`. */
export const sipStatus = defineCommand({
  name: "sip status",
  who: "admin",
  summary: "Shows the connection to the SIP presence server, and how the users' publications there stand.",
  arguments: z.strictObject({}),
  examples: ["sip status"],
  run: async (context) => {
    const users = await describeUsers(context);
    const { live } = context;
    if (!live) return { kind: "fields", title: "The gateway is not running.", fields: [users] };
    const parts = live.parts().filter(isSip);
    if (parts.length === 0) return { kind: "fields", title: "SIP is not configured: see [sip].", fields: [users] };
    const troubled = parts.filter(isInTrouble).length;
    return {
      kind: "fields",
      title: troubled === 0 ? "SIP works." : "SIP is in trouble.",
      fields: [...describeParts(live, parts), users],
    };
  },
});

const isSip = ({ kind, name }: GatewayPart): boolean => name === SIP && (kind === "publisher" || kind === "clients");

function describeParts(live: LiveGateway, parts: readonly GatewayPart[]): readonly Field[] {
  const now = live.now();
  return [
    ...parts.map((part): Field => [namePart(part), describeHealth(part.health, now)]),
    ...detailFields(live.publisherDetails(SIP), now),
  ];
}

async function describeUsers({ registry }: CommandContext): Promise<Field> {
  const users = await registry.listUsers();
  const published = users.filter(({ isEnabled, sip }) => isEnabled && sip !== undefined).length;
  const resting = users.filter(({ restingSip }) => restingSip !== undefined).length;
  const none = users.filter(({ sip, restingSip }) => sip === undefined && restingSip === undefined).length;
  return ["users", `${published} with a SIP address, off for ${resting}, ${none} without one`];
}
