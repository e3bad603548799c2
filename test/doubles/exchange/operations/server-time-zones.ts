import { child } from "../request-xml.ts";
import type { Answer, Call } from "../site.ts";
import { encodeMessage, encodeResponse, escapeXml } from "../soap.ts";

interface Change {
  readonly month: number;
  readonly occurrence: number;
  readonly hour: number;
}

interface Zone {
  readonly id: string;
  readonly name: string;
  /** Minutes west of UTC in standard time. */
  readonly bias: number;
  readonly toDaylight?: Change;
  readonly toStandard?: Change;
}

// The European Union changes clocks everywhere at 01:00 UTC; North America at 02:00 local time.
const inEurope = (hour: number) => ({
  toDaylight: { month: 3, occurrence: -1, hour },
  toStandard: { month: 10, occurrence: -1, hour: hour + 1 },
});
const IN_AMERICA = {
  toDaylight: { month: 3, occurrence: 2, hour: 2 },
  toStandard: { month: 11, occurrence: 1, hour: 2 },
};

// A few of the zones of Windows, enough for clients that look up their own.
const ZONES: readonly Zone[] = [
  { id: "UTC", name: "(UTC) Coordinated Universal Time", bias: 0 },
  { id: "GMT Standard Time", name: "(UTC+00:00) Dublin, Edinburgh, Lisbon, London", bias: 0, ...inEurope(1) },
  {
    id: "W. Europe Standard Time",
    name: "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Vienna",
    bias: -60,
    ...inEurope(2),
  },
  { id: "Romance Standard Time", name: "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", bias: -60, ...inEurope(2) },
  { id: "FLE Standard Time", name: "(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn", bias: -120, ...inEurope(3) },
  { id: "Eastern Standard Time", name: "(UTC-05:00) Eastern Time (US & Canada)", bias: 300, ...IN_AMERICA },
  { id: "Central Standard Time", name: "(UTC-06:00) Central Time (US & Canada)", bias: 360, ...IN_AMERICA },
  { id: "Pacific Standard Time", name: "(UTC-08:00) Pacific Time (US & Canada)", bias: 480, ...IN_AMERICA },
  { id: "India Standard Time", name: "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", bias: -330 },
  { id: "Tokyo Standard Time", name: "(UTC+09:00) Osaka, Sapporo, Tokyo", bias: -540 },
];

/** GetServerTimeZones: the asked zones that this server knows, or all. */
export function getServerTimeZones(call: Call): Answer {
  const asked = child(call.body, "Ids")?.children.map((element) => element.text.trim());
  const zones = ZONES.filter((zone) => asked === undefined || asked.includes(zone.id));
  const isFull = call.body.attributes.get("ReturnFullTimeZoneData") !== "false";
  const message = encodeMessage(
    "GetServerTimeZones",
    () => `<m:TimeZoneDefinitions>${zones.map((zone) => encodeZone(zone, isFull)).join("")}</m:TimeZoneDefinitions>`,
  );
  return { body: encodeResponse("GetServerTimeZones", message) };
}

function encodeZone(zone: Zone, isFull: boolean): string {
  const head = `<t:TimeZoneDefinition Id="${zone.id}" Name="${escapeXml(zone.name)}"`;
  if (!isFull) return `${head}/>`;
  const { toDaylight, toStandard } = zone;
  const standard = encodePeriod(zone, "Standard", zone.bias);
  if (toDaylight === undefined || toStandard === undefined) {
    const group = `<t:TransitionsGroup Id="0"><t:Transition><t:To Kind="Period">${periodId(zone, "Standard")}</t:To></t:Transition></t:TransitionsGroup>`;
    return `${head}><t:Periods>${standard}</t:Periods>${encodeTransitions(group)}</t:TimeZoneDefinition>`;
  }
  const daylight = encodePeriod(zone, "Daylight", zone.bias - 60);
  const changes = encodeChange(zone, "Daylight", toDaylight) + encodeChange(zone, "Standard", toStandard);
  const group = `<t:TransitionsGroup Id="0">${changes}</t:TransitionsGroup>`;
  return `${head}><t:Periods>${standard}${daylight}</t:Periods>${encodeTransitions(group)}</t:TimeZoneDefinition>`;
}

function encodeTransitions(group: string): string {
  return `<t:TransitionsGroups>${group}</t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition></t:Transitions>`;
}

function encodePeriod(zone: Zone, name: "Standard" | "Daylight", bias: number): string {
  const sign = bias < 0 ? "-" : "";
  return `<t:Period Bias="${sign}PT${Math.abs(bias)}M" Name="${name}" Id="${periodId(zone, name)}"/>`;
}

function periodId(zone: Zone, name: "Standard" | "Daylight"): string {
  return `trule:Microsoft/Registry/${zone.id}/1-${name}`;
}

function encodeChange(zone: Zone, to: "Standard" | "Daylight", { month, occurrence, hour }: Change): string {
  return `<t:RecurringDayTransition><t:To Kind="Period">${periodId(zone, to)}</t:To><t:TimeOffset>PT${hour}H</t:TimeOffset><t:Month>${month}</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>${occurrence}</t:Occurrence></t:RecurringDayTransition>`;
}
