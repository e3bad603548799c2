import { matchTag } from "../../core/texts.ts";
import { AR } from "./ar.ts";
import { BG } from "./bg.ts";
import type { ChatTexts } from "./chat-texts.ts";
import { CS } from "./cs.ts";
import { DA } from "./da.ts";
import { DE } from "./de.ts";
import { EL } from "./el.ts";
import { EN } from "./en.ts";
import { ES } from "./es.ts";
import { FI } from "./fi.ts";
import { FR } from "./fr.ts";
import { HE } from "./he.ts";
import { HU } from "./hu.ts";
import { IT } from "./it.ts";
import { JA } from "./ja.ts";
import { KO } from "./ko.ts";
import { NB } from "./nb.ts";
import { NL } from "./nl.ts";
import { PL } from "./pl.ts";
import { PT_BR } from "./pt-br.ts";
import { PT_PT } from "./pt-pt.ts";
import { RO } from "./ro.ts";
import { RU } from "./ru.ts";
import { SK } from "./sk.ts";
import { SV } from "./sv.ts";
import { TR } from "./tr.ts";
import { UK } from "./uk.ts";
import { ZH_HANS } from "./zh-hans.ts";
import { ZH_HANT } from "./zh-hant.ts";

/** The texts of the chat by BCP 47 tag. */
export const CHAT_CATALOGUE: Readonly<Record<string, ChatTexts>> & { readonly en: ChatTexts } = {
  en: EN,
  de: DE,
  fr: FR,
  es: ES,
  it: IT,
  "pt-BR": PT_BR,
  nl: NL,
  sv: SV,
  da: DA,
  nb: NB,
  fi: FI,
  pl: PL,
  cs: CS,
  hu: HU,
  tr: TR,
  ru: RU,
  uk: UK,
  ja: JA,
  ko: KO,
  "zh-Hans": ZH_HANS,
  "zh-Hant": ZH_HANT,
  ar: AR,
  he: HE,
  "pt-PT": PT_PT,
  sk: SK,
  ro: RO,
  el: EL,
  bg: BG,
};

const TAGS = Object.keys(CHAT_CATALOGUE);

/** The catalogue's tag for a wanted language; `en` where it has none. */
export const matchChatLanguage = (tag: string): string => matchTag(TAGS, tag) ?? "en";
