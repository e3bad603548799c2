import type { PresenceDocument } from "../../src/core/presence.ts";
import { matchLanguage, stateText, type TextCatalogue } from "../../src/core/texts.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { ITEM_ID, NS_ACTIVITY, NS_PUBSUB } from "./namespaces.ts";

/** What of a document an activity shows. */
export type ActivityState = Pick<PresenceDocument, "activity" | "text">;

/** The XEP-0108 payload: the activity with the gateway's own text in the locale; empty when there is none. Pure. */
export function encodeActivity({ activity, text }: ActivityState, locale: string, catalogue: TextCatalogue): XmlDraft {
  if (!activity) return { name: "activity", attributes: { xmlns: NS_ACTIVITY } };
  const { general, specific } = activity;
  return {
    name: "activity",
    attributes: { xmlns: NS_ACTIVITY },
    children: [
      { name: general, children: [specific === undefined ? undefined : { name: specific }] },
      text && {
        name: "text",
        attributes: { "xml:lang": matchLanguage(catalogue, locale) },
        children: [stateText(catalogue, text, locale)],
      },
    ],
  };
}

/** The iq that puts the payload into the user's own PEP node (XEP-0163 3, XEP-0108 2). */
export const publishActivity = (payload: XmlDraft): XmlDraft => ({
  name: "iq",
  attributes: { type: "set" },
  children: [
    {
      name: "pubsub",
      attributes: { xmlns: NS_PUBSUB },
      children: [
        {
          name: "publish",
          attributes: { node: NS_ACTIVITY },
          children: [{ name: "item", attributes: { id: ITEM_ID }, children: [payload] }],
        },
      ],
    },
  ],
});
