import { z } from "zod";
import type { User } from "../../ports/registry.ts";
import { localeArgument, presentityArgument } from "../argument-schemas.ts";
import { type CalendarLocale, judgeCalendarName, nameForLocale } from "../calendar-locale.ts";
import { defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findKnownUser } from "../find-entities.ts";

/** `calendar-name show`. */
export const calendarNameShow = defineCommand({
  name: "calendar-name show",
  who: "admin",
  summary: "Shows what the database has as the name of the calendar folder in a language, and whose name it is.",
  arguments: z.strictObject({ locale: localeArgument.describe("A BCP 47 language tag.") }),
  positional: ["locale"],
  examples: ["calendar-name show de-AT"],
  run: async ({ registry }, { locale }) => {
    const row = nameForLocale(await registry.listCalendarNames(), locale);
    if (!row) {
      const text = `There is no name for ${locale}. If you know it: calendar-name set ${locale} <name>`;
      throw commandError("command-not-found", text);
    }
    const users = (await registry.listUsers()).filter((user) => user.locale === locale);
    return {
      kind: "fields",
      title: `Calendar folder in ${locale}`,
      fields: [
        ["name", row.name],
        ["row", row.locale === locale ? locale : `${row.locale} (${locale} has none of its own)`],
        ["source", row.source],
        ["users", String(users.length)],
      ],
    };
  },
});

/** `calendar-name verify`. */
export const calendarNameVerify = defineCommand({
  name: "calendar-name verify",
  who: "admin",
  summary:
    "Asks the user's calendar server what the calendar folder is named, and which language that suggests against the user's locale.",
  arguments: z.strictObject({ jid: presentityArgument.describe("The user's bare JID.") }),
  positional: ["jid"],
  examples: ["calendar-name verify alice@example.com"],
  run: async ({ registry, live }, { jid }, signal) => {
    const user = await findKnownUser(registry, jid);
    if (!live) throw commandError("command-not-running", "The gateway is not running, so no server can be asked.");
    const found = await live.findCalendarName(user.gateway, user.mailbox, signal);
    const judged = judgeCalendarName(found, await registry.listCalendarNames(), user.locale);
    const { expected, locales } = judged;
    return {
      kind: "fields",
      title: `Calendar folder of ${user.mailbox}`,
      fields: [
        ["gateway", user.gateway],
        ["name", found],
        ["languages with this name", locales.join(", ") || "none in the table"],
        ["user's locale", `${user.locale}, where it is ${expected ? expected.name : "not in the table"}`],
        ["finding", describeVerdict(judged, user)],
        ["what to do", describeAdvice(judged, user, found)],
      ],
    };
  },
});

function describeVerdict({ verdict, locales }: CalendarLocale, { locale }: User): string {
  switch (verdict) {
    case "fits":
      return `the name fits the locale ${locale}`;
    case "other": {
      const [first, ...more] = locales;
      return `the name suggests ${more.length === 0 ? first : `one of ${locales.join(", ")}`}, not ${locale}`;
    }
    case "unknown":
      return "the name is of no language that the table knows: the folder was renamed, or the table lacks the name";
  }
}

// A folder keeps the name that the first client gave it; Exchange Web Services need no name, WebDAV does.
function describeAdvice({ verdict, locales }: CalendarLocale, { locale, presentity }: User, found: string): string {
  switch (verdict) {
    case "fits":
      return "nothing";
    case "other": {
      const [first = locale, ...more] = locales;
      const tag = more.length === 0 ? first : "<language>";
      return `if that is the language the user reads: locale set ${presentity} ${tag}. Otherwise nothing: the mailbox was first opened in another language than the user's`;
    }
    case "unknown":
      return `nothing, for a gateway of type ews, which finds the folder without its name. If it is the name in ${locale}: calendar-name set ${locale} ${found}`;
  }
}
