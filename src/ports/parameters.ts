import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";
import { parseTimeZone } from "../lib/time-zone.ts";

/**
 * The service parameters: what an administrator may tune while the gateway runs. Each has a default and a range, and
 * takes effect at once. Ids P1 to P6 are those of the calendaring service parameters of Cisco's Presence Engine.
 */
interface IntegerParameter {
  readonly kind: "integer";
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly text: string;
}

interface ChoiceParameter {
  readonly kind: "choice";
  readonly default: string;
  readonly choices: readonly string[];
  readonly text: string;
}

interface ZoneParameter {
  readonly kind: "zone";
  readonly default: string;
  readonly text: string;
}

/** One parameter's definition. */
export type ParameterDefinition = IntegerParameter | ChoiceParameter | ZoneParameter;

const integer = (
  unit: string,
  [value, min, max]: readonly [number, number, number],
  text: string,
): IntegerParameter => ({
  kind: "integer",
  default: value,
  min,
  max,
  unit,
  text,
});

const choice = (choices: readonly [string, ...string[]], text: string): ChoiceParameter => ({
  kind: "choice",
  default: choices[0],
  choices,
  text,
});

const OTHER_LANGUAGES = Object.keys(TEXT_CATALOGUE).filter((tag) => tag !== "en");

/** Every parameter by name. */
export const PARAMETERS = {
  "exchange-notification-port": integer(
    "port",
    [50020, 1024, 65_535],
    "P1. Where the gateway hears what calendar servers push: TCP for EWS, UDP for WebDAV.",
  ),
  "calendar-spread": integer(
    "seconds",
    [0, 0, 59],
    "P2. A start of a meeting is shown up to this much later, by a fixed offset a user, to smooth load. Ends are never delayed.",
  ),
  "exchange-timeout": integer("seconds", [3, 1, 20], "P3. How long a request to Exchange may take."),
  "exchange-queue": integer(
    "requests",
    [2200, 1, 5000],
    "P4. Longest queue of requests to one Exchange server. Over it mailboxes wait in line; nothing is dropped.",
  ),
  "exchange-threads": integer(
    "requests",
    [60, 1, 100],
    "P5. Most requests at once to one Exchange server. The gateway stays below it as the server's throttling demands.",
  ),
  "ews-status-frequency": integer(
    "minutes",
    [60, 10, 1440],
    "P6. How often every mailbox is read even when no notification came; Office 365 has its own, P7.",
  ),
  "office365-pull-interval": integer(
    "minutes",
    [60, 1, 1440],
    "P7. How often every mailbox of Office 365 is read by Microsoft Graph even when no notification came.",
  ),
  "calendar-window-ahead": integer("hours", [24, 2, 960], "How far ahead calendars are read."),
  "calendar-window-back": integer("hours", [1, 0, 48], "How far back calendars are read."),
  "stale-limit": integer(
    "minutes",
    [0, 0, 10080],
    "A calendar not heard of for this long is unknown and 'In a meeting' is withdrawn. 0: twice the longer of ews-status-frequency and office365-pull-interval.",
  ),
  "busy-as": choice(["dnd", "away"], "The show of somebody in a meeting."),
  "tentative-as": choice(["client", "meeting"], "How tentative entries count: as the client says, or as a meeting."),
  "working-elsewhere-as": choice(
    ["client", "meeting"],
    "How working elsewhere counts: as the client says, or as a meeting.",
  ),
  "automatic-replies": choice(
    ["away", "ignore"],
    "How automatic replies of the mailbox count, where they are read: as out of office, or not at all.",
  ),
  "offline-calendar": choice(
    ["hide", "show"],
    "Whether the calendar is shown while none of the user's clients is online.",
  ),
  "dnd-activity": choice(
    ["show", "hide"],
    "Whether a meeting stands as activity beside the user's own 'do not disturb'.",
  ),
  "ignore-busy-from": integer(
    "hours",
    [0, 0, 720],
    "Busy entries of at least this length are ignored (24: whole days). 0: none is. Out of office always counts.",
  ),
  "default-language": choice(
    ["en", ...OTHER_LANGUAGES],
    "The language of users of whom none is known, and of a second status text beside that in the user's own language.",
  ),
  "time-zone": {
    kind: "zone",
    default: "UTC",
    text: "The time zone of chat answers to users of whom none is known.",
  },
} as const satisfies Readonly<Record<string, ParameterDefinition>>;

/** A parameter's name. */
export type ParameterName = keyof typeof PARAMETERS;

/** Names of the parameters that are numbers. */
export type IntegerParameterName = {
  [Name in ParameterName]: (typeof PARAMETERS)[Name]["kind"] extends "integer" ? Name : never;
}[ParameterName];

/** Live values: ask each time, never keep. */
export interface Parameters {
  integer(name: IntegerParameterName): number;
  choice(name: Exclude<ParameterName, IntegerParameterName>): string;
}

/** True for the name of a parameter. */
export const isParameterName = (name: string): name is ParameterName => Object.hasOwn(PARAMETERS, name);

/** The value in its stored form, or what is wrong with it, fit for an administrator. */
export function checkParameter(
  name: ParameterName,
  text: string,
): { readonly value: string } | { readonly problem: string } {
  const definition: ParameterDefinition = PARAMETERS[name];
  const trimmed = text.trim();
  if (definition.kind === "choice") {
    const found = definition.choices.find((each) => each === trimmed.toLowerCase());
    return found ? { value: found } : { problem: `${name} must be one of: ${definition.choices.join(", ")}` };
  }
  if (definition.kind === "zone") {
    const zone = parseTimeZone(trimmed);
    return zone ? { value: zone } : { problem: `${name} must be a time zone such as Europe/Berlin` };
  }
  const { min, max, unit } = definition;
  const value = /^[+-]?\d{1,9}$/.test(trimmed) ? Number(trimmed) : Number.NaN;
  if (!(value >= min && value <= max))
    return { problem: `${name} must be a whole number from ${min} to ${max} (${unit})` };
  return { value: String(value) };
}

/** Live values over a set of stored ones; a stored value that is no longer allowed counts as the default. */
export function readParameters(stored: () => Readonly<Record<string, string>>): Parameters {
  const read = (name: ParameterName): string => {
    const text = stored()[name];
    const checked = text === undefined ? undefined : checkParameter(name, text);
    return checked && "value" in checked ? checked.value : String(PARAMETERS[name].default);
  };
  return { integer: (name) => Number(read(name)), choice: (name) => read(name) };
}
