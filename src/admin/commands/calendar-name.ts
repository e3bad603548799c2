import { z } from "zod";
import { localeArgument } from "../argument-schemas.ts";
import { defineCommand } from "../command.ts";
import { recordChange } from "../find-entities.ts";

const LONGEST_NAME = 255;

/** `calendar-name list`. */
export const calendarNameList = defineCommand({
  name: "calendar-name list",
  who: "admin",
  summary: "Lists the names that mailboxes give to their calendar folder, by language.",
  arguments: z.strictObject({
    locale: z.string().trim().toLowerCase().optional().describe("Only languages that begin so, for example pt."),
  }),
  positional: ["locale"],
  examples: ["calendar-name list", "calendar-name list pt"],
  run: async ({ registry }, { locale = "" }) => {
    const names = await registry.listCalendarNames();
    return {
      kind: "table",
      columns: ["locale", "name", "source"],
      rows: names
        .filter((each) => each.locale.toLowerCase().startsWith(locale))
        .map((each) => [each.locale, each.name, each.source]),
      empty: "There is no name for this language yet.",
    };
  },
});

/** `calendar-name set`. */
export const calendarNameSet = defineCommand({
  name: "calendar-name set",
  who: "admin",
  summary: "Sets the name of the calendar folder in a language.",
  arguments: z.strictObject({
    locale: localeArgument.describe("A BCP 47 language tag."),
    name: z
      .string()
      .trim()
      .min(1, "must not be empty")
      .max(LONGEST_NAME, `has at most ${LONGEST_NAME} characters`)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not have control characters")
      .describe("The folder's name."),
  }),
  positional: ["locale", "name"],
  takesRest: true,
  examples: ["calendar-name set de-AT Kalender"],
  run: async (context, { locale, name }) => {
    await context.registry.replaceCalendarName(locale, name);
    await recordChange(context, { action: "calendar-name.changed", subject: locale, detail: name });
    return { kind: "text", text: `The calendar folder is named ${name} in ${locale}.` };
  },
});
