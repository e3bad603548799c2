import { z } from "zod";
import type { Mailbox } from "../../src/core/addresses.ts";
import { type AutomaticReplies, REPLIES_OFF, REPLIES_ON } from "../../src/core/automatic-replies.ts";
import { parseLanguageTag } from "../../src/lib/language-tag.ts";
import { type Milliseconds, milliseconds } from "../../src/lib/time.ts";
import type { MailboxSettings, WorkingHours } from "../../src/ports/mailbox-settings.ts";
import type { BatchedGet } from "./batch.ts";
import { utcTime } from "./utc-time.ts";

/** What is read of the settings: all that the gateway has a use for, or one thing only. */
export type SettingsChoice = "auto" | "locale" | "automatic-replies";

const PROPERTIES: Readonly<Record<SettingsChoice, readonly string[]>> = {
  auto: ["language", "timeZone", "workingHours", "automaticRepliesSetting"],
  locale: ["language"],
  "automatic-replies": ["automaticRepliesSetting"],
};

/** user: get mailboxSettings. */
export const encodeGetSettings = (mailbox: Mailbox, choice: SettingsChoice): BatchedGet => ({
  path: `/users/${encodeURIComponent(mailbox)}/mailboxSettings?$select=${PROPERTIES[choice].join(",")}`,
  headers: { prefer: 'outlook.timezone="UTC"' },
});

const language = z.object({ locale: z.string() }).transform(({ locale }) => parseLanguageTag(locale));

const TIME_OF_DAY = /^([01]\d|2[0-4]):([0-5]\d):([0-5]\d)(\.\d{1,9})?$/;
const timeOfDay = z
  .string()
  .max(32)
  .regex(TIME_OF_DAY)
  .transform((text): Milliseconds => {
    const [, hour, minute, second] = TIME_OF_DAY.exec(text) ?? [];
    return milliseconds((Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000);
  });
const zoneName = z.string().min(1).max(128);
const dayOfWeek = z.enum(["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]);
const workingHours = z
  .object({
    daysOfWeek: z.array(dayOfWeek).max(7),
    startTime: timeOfDay,
    endTime: timeOfDay,
    timeZone: z.object({ name: zoneName }),
  })
  .transform(
    ({ daysOfWeek, startTime, endTime, timeZone }): WorkingHours => ({
      days: daysOfWeek,
      start: startTime,
      end: endTime,
      timeZone: timeZone.name,
    }),
  );

/** automaticRepliesSetting: its messages come too, for Graph cannot leave them out, and end here. */
const automaticReplies = z
  .discriminatedUnion("status", [
    z.object({ status: z.literal("disabled") }),
    z.object({ status: z.literal("alwaysEnabled") }),
    z.object({ status: z.literal("scheduled"), scheduledStartDateTime: utcTime, scheduledEndDateTime: utcTime }),
  ])
  .transform((setting): AutomaticReplies | undefined => {
    if (setting.status !== "scheduled") return setting.status === "disabled" ? REPLIES_OFF : REPLIES_ON;
    const { scheduledStartDateTime: start, scheduledEndDateTime: end } = setting;
    return end > start ? { kind: "scheduled", start, end } : undefined;
  });

/** One property that is not intelligible spoils no other, and says nothing. */
const settings = z.object({
  language: language.optional().catch(undefined),
  timeZone: zoneName.optional().catch(undefined),
  workingHours: workingHours.optional().catch(undefined),
  automaticRepliesSetting: automaticReplies.optional().catch(undefined),
});

/** The settings that were asked for; undefined when the answer has none at all. */
export function decodeSettings(body: unknown, choice: SettingsChoice): MailboxSettings | undefined {
  const { data } = settings.safeParse(body);
  if (!data) return undefined;
  const isAsked = (name: string): boolean => PROPERTIES[choice].includes(name);
  const { language: locale, timeZone, workingHours: hours, automaticRepliesSetting: replies } = data;
  return {
    ...(locale !== undefined && isAsked("language") && { locale }),
    ...(timeZone !== undefined && isAsked("timeZone") && { timeZone }),
    ...(hours && isAsked("workingHours") && { workingHours: hours }),
    ...(replies && isAsked("automaticRepliesSetting") && { automaticReplies: replies }),
  };
}
