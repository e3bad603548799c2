import type { PresentityId } from "../core/addresses.ts";
import type { Show, TextKey } from "../core/presence.ts";
import { TEXT_CATALOGUE } from "../core/text-catalogue.ts";
import { stateText } from "../core/texts.ts";
import type { Instant } from "../lib/time.ts";
import { wallTimeAt } from "../lib/time-zone.ts";
import type { GatewayError } from "../ports/errors.ts";
import { readParameters } from "../ports/parameters.ts";
import type { Registry, User } from "../ports/registry.ts";
import { drawMessage } from "./draw-text.ts";
import { CHAT_CATALOGUE, matchChatLanguage } from "./languages/chat-catalogue.ts";
import type { ChatTextKey, ChatValues } from "./languages/chat-texts.ts";

/** How somebody is spoken to. */
export interface SpeechTerms {
  /** BCP 47; the nearest language that there is is spoken. */
  readonly locale: string;
  /** IANA. */
  readonly zone: string;
}

const RIGHT_TO_LEFT: readonly string[] = ["ar", "he"];
/** Unicode UAX #9: what is between the two is ordered by itself, and moves nothing around it. */
const FIRST_STRONG_ISOLATE = "\u2068";
const POP_ISOLATE = "\u2069";
const RIGHT_TO_LEFT_MARK = "\u200f";
const DIRECTIONS = /[\u202A-\u202E\u2066-\u2069]/g;

const SHOW_TEXTS = {
  chat: "available",
  available: "available",
  away: "away",
  xa: "away",
  dnd: "dnd",
  unavailable: "offline",
} as const satisfies Readonly<Record<Show, ChatTextKey>>;

/** The gateway's texts in somebody's language, times in their zone. */
export class Speech {
  /** Tag of the language that is spoken. */
  readonly language: string;
  readonly zone: string;
  /** What the state texts are in; dates are in its region's form. */
  readonly locale: string;
  readonly #isRightToLeft: boolean;

  constructor({ locale, zone }: SpeechTerms) {
    this.language = matchChatLanguage(locale);
    this.locale = locale;
    this.zone = zone;
    this.#isRightToLeft = RIGHT_TO_LEFT.includes(this.language);
  }

  /** The text with what its placeholders stand for. */
  say<Key extends ChatTextKey>(key: Key, values: ChatValues<Key>): string {
    const texts = CHAT_CATALOGUE[this.language] ?? CHAT_CATALOGUE.en;
    const given: Readonly<Record<string, string>> = values;
    const said = texts[key].replace(/\{(\w+)\}/g, (_, name: string) => this.embed(given[name] ?? ""));
    return this.#isRightToLeft ? `${RIGHT_TO_LEFT_MARK}${said}` : said;
  }

  /** What may be of another direction than the text around it: names, addresses, commands, times. */
  embed(value: string): string {
    const plain = value.replace(DIRECTIONS, "");
    return this.#isRightToLeft ? `${FIRST_STRONG_ISOLATE}${plain}${POP_ISOLATE}` : plain;
  }

  /** `9:50 AM UTC (in 50 minutes)`, with the date where it is not that of `now`. */
  moment(at: Instant, now: Instant): string {
    return `${this.time(at, now)} (${this.distance(at, now)})`;
  }

  /** `9:50 AM UTC`, with the date where it is not that of `now`. */
  time(at: Instant, now: Instant): string {
    const [there, today] = [wallTimeAt(at, this.zone).date, wallTimeAt(now, this.zone).date];
    return new Intl.DateTimeFormat(this.#formats, {
      timeZone: this.zone,
      hour: "numeric",
      minute: "2-digit",
      timeZoneName: "short",
      ...(there !== today && { weekday: "short", day: "numeric", month: "short" }),
      ...(there.slice(0, 4) !== today.slice(0, 4) && { year: "numeric" }),
    }).format(at);
  }

  /** `3 minutes ago`, `in 2 hours`, `now`. */
  distance(at: Instant, now: Instant): string {
    const length = at - now;
    const [size, unit] = UNITS.find(([, , limit]) => Math.abs(length) < limit) ?? LONGEST_UNIT;
    return new Intl.RelativeTimeFormat(this.#formats, { numeric: "auto" }).format(Math.round(length / size), unit);
  }

  /** `In a meeting (do not disturb)`. */
  state(show: Show, text?: TextKey): string {
    const shown = this.say(SHOW_TEXTS[show], {});
    return text ? `${stateText(TEXT_CATALOGUE, text, this.locale)} (${shown})` : shown;
  }

  /** `Deutsch (de)`. */
  nameOf(tag: string): string {
    const name = new Intl.DisplayNames(this.#formats, { type: "language" }).of(tag);
    return name === undefined || name === tag ? tag : `${name} (${tag})`;
  }

  /** The user's own region counts where its language is spoken. */
  get #formats(): string {
    return matchChatLanguage(this.locale) === "en" && !/^en(-|$)/i.test(this.locale) ? "en" : this.locale;
  }
}

type Unit = readonly [size: number, unit: Intl.RelativeTimeFormatUnit, limit: number];

const LONGEST_UNIT: Unit = [86_400_000, "day", Number.POSITIVE_INFINITY];
const UNITS: readonly Unit[] = [
  [1000, "second", 60_000],
  [60_000, "minute", 2 * 3_600_000],
  [3_600_000, "hour", 2 * 86_400_000],
  LONGEST_UNIT,
];

/** How the user is spoken to: as is set, else as the parameters say. */
export async function speechFor(registry: Registry, user: User | undefined): Promise<Speech> {
  const stored = await registry.listParameters();
  const parameters = readParameters(() => stored);
  return new Speech({
    locale: user?.locale ?? parameters.choice("default-language"),
    zone: user?.timeZone?.zone ?? parameters.choice("time-zone"),
  });
}

/** The same for whoever has this address, a user or not. */
export const speechTo = async (registry: Registry, presentity: PresentityId): Promise<Speech> =>
  speechFor(registry, await registry.findUser(presentity));

const FAILURES: ReadonlyMap<string, (speech: Speech) => string> = new Map([
  ["command-unknown", (speech) => speech.say("unknownCommand", { command: "help" })],
  ["command-forbidden", (speech) => speech.say("forAdministrators", { command: "help" })],
  ["command-arguments", (speech) => speech.say("notUnderstood", { command: "help" })],
  ["command-syntax", (speech) => speech.say("notUnderstood", { command: "help" })],
  ["command-too-long", (speech) => speech.say("tooLong", {})],
]);

/** A failure to a user: in English with what is wrong in particular, else what it is at large. */
export const sayFailure = (speech: Speech, error: GatewayError): string =>
  speech.language === "en" ? drawMessage(error) : (FAILURES.get(error.code)?.(speech) ?? speech.say("wentWrong", {}));
