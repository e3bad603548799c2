import { matchTag } from "../../core/texts.ts";
import type { ChatTexts } from "./chat-texts.ts";
import { EN } from "./en.ts";

/** The texts of the chat by BCP 47 tag. */
export const CHAT_CATALOGUE: Readonly<Record<string, ChatTexts>> & { readonly en: ChatTexts } = {
  en: EN,
};

const TAGS = Object.keys(CHAT_CATALOGUE);

/** The catalogue's tag for a wanted language; `en` where it has none. */
export const matchChatLanguage = (tag: string): string => matchTag(TAGS, tag) ?? "en";
