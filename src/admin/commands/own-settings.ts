import { TEXT_CATALOGUE } from "../../core/text-catalogue.ts";
import { matchTag } from "../../core/texts.ts";
import { parseLanguageTag } from "../../lib/language-tag.ts";
import { parseTimeZone } from "../../lib/time-zone.ts";
import type { User } from "../../ports/registry.ts";
import type { SettledResult } from "../command.ts";
import { recordChange } from "../find-entities.ts";
import { defineOwnCommand, type OwnContext, Refusal } from "../own-command.ts";
import { type Speech, speechFor } from "../speech.ts";
import { asksMailbox } from "../user-locale.ts";

const ZONE_EXAMPLES = "Europe/Berlin, America/New_York, Asia/Tokyo";

/** `language`. */
export const language = defineOwnCommand({
  name: "language",
  summary: "doesLanguage",
  form: "[<tag>|auto]",
  fields: { tag: "A BCP 47 language tag, such as en, de-AT or zh-Hant; auto: that of the mailbox." },
  examples: ["language", "language de", "language auto"],
  isForOptedOut: true,
  run: async (context, words) => {
    const { user, registry, live } = context;
    if (words === "") return describeLanguage(context.speech);
    if (asksMailbox(words.toLowerCase())) {
      await registry.replaceUser({ ...user, localeFrom: "default" });
      live?.refresh(user.presentity);
      return changed(context, "user.language-changed", "auto", context.speech.say("asMailbox", {}));
    }
    const tag = parseLanguageTag(words);
    if (tag === undefined || matchTag(Object.keys(TEXT_CATALOGUE), tag) === undefined) {
      throw new Refusal(sayLanguages(context.speech));
    }
    const wanted: User = { ...user, locale: tag, localeFrom: "user" };
    await registry.replaceUser(wanted);
    const speech = await speechFor(registry, wanted);
    return changed(context, "user.language-changed", tag, speech.say("languageIs", { language: speech.nameOf(tag) }));
  },
});

const describeLanguage = (speech: Speech): SettledResult => ({
  kind: "lines",
  lines: [speech.say("languageIs", { language: speech.nameOf(speech.locale) }), sayLanguages(speech)],
});

const sayLanguages = (speech: Speech): string =>
  speech.say("languages", { list: Object.keys(TEXT_CATALOGUE).join(", ") });

/** `zone`. */
export const zone = defineOwnCommand({
  name: "zone",
  summary: "doesZone",
  form: "[<zone>|auto]",
  fields: { zone: "An IANA time zone such as Europe/Berlin; auto: that of the mailbox, where it is read." },
  examples: ["zone", "zone Europe/Berlin", "zone auto"],
  isForOptedOut: true,
  run: async (context, words) => {
    const { user, registry, live, now, speech } = context;
    if (words === "") return { kind: "text", text: sayZone(speech, now) };
    if (asksMailbox(words.toLowerCase())) {
      await registry.replaceTimeZone(user.presentity, undefined);
      live?.refresh(user.presentity);
      return changed(context, "user.zone-changed", "auto", speech.say("asMailbox", {}));
    }
    const wanted = parseTimeZone(words);
    if (wanted === undefined) throw new Refusal(speech.say("badZone", { examples: ZONE_EXAMPLES }));
    const timeZone = { zone: wanted, from: "user" } as const;
    await registry.replaceTimeZone(user.presentity, timeZone);
    return changed(
      context,
      "user.zone-changed",
      wanted,
      sayZone(await speechFor(registry, { ...user, timeZone }), now),
    );
  },
});

const sayZone = (speech: Speech, now: OwnContext["now"]): string =>
  speech.say("zoneIs", { zone: speech.zone, time: speech.time(now, now) });

async function changed(context: OwnContext, action: string, detail: string, text: string): Promise<SettledResult> {
  await recordChange(context, { action, subject: context.user.presentity, detail });
  return { kind: "text", text };
}
