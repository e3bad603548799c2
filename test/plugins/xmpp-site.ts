import type { XmlElement } from "../../src/ports/xml-element.ts";
import { descendantsOf, elementsOf } from "../../src/ports/xml-element.ts";
import type { ComponentLinkOptions } from "../../src/xmpp/component-link.ts";
import { errorTo, type XmppServerScript } from "../doubles/scripted-xmpp-server.ts";
import { acts, type LinkHarness, startLink } from "../xmpp/link-harness.ts";

/** A scripted server that remembers what is published, with a link to it. `nobody@example.test` does not exist. */
export interface ScriptedSite extends LinkHarness {
  /** The user's last published activity payload. */
  activityOf(user: string): XmlElement | undefined;
  /** The user's last `<overlay/>` that shows something. */
  overlayOf(user: string): XmlElement | undefined;
  /** From now on the server answers nothing. */
  hang(): void;
  untilHanging(): Promise<void>;
}

/** Starts both and waits until the gateway may act. */
export async function startScriptedSite(
  script: Partial<XmppServerScript> = {},
  options: Partial<ComponentLinkOptions> = {},
): Promise<ScriptedSite> {
  const activities = new Map<string, XmlElement>();
  const overlays = new Map<string, XmlElement | undefined>();
  let unanswered = -1;
  const harness = await startLink(
    {
      ...script,
      onStanza: (stanza) => {
        if (unanswered >= 0) {
          unanswered++;
          return "";
        }
        const { to = "" } = stanza.attributes;
        if (to === "nobody@example.test") return errorTo(stanza, "item-not-found");
        remember(stanza, to);
        return script.onStanza?.(stanza);
      },
    },
    options,
  );
  const remember = (stanza: XmlElement, to: string): void => {
    for (const each of descendantsOf(stanza)) {
      if (each.name === "activity") activities.set(to, each);
      if (each.name !== "overlay") continue;
      for (const user of usersOf(each, to)) overlays.set(user, isEmpty(each) ? undefined : each);
    }
  };
  await harness.event(
    acts(
      options.domains?.[0]?.actsBy === "trusted"
        ? "trusted"
        : script.advert === undefined && "advert" in script
          ? "none"
          : "privilege",
    ),
  );
  return {
    ...harness,
    activityOf: (user) => activities.get(user),
    overlayOf: (user) => overlays.get(user),
    hang: () => {
      unanswered = 0;
    },
    untilHanging: () => harness.server.waitUntil(() => unanswered > 0, "a request that is not answered"),
  };
}

/** Neither show, status nor activity: the module clears. */
const isEmpty = (overlay: XmlElement): boolean =>
  overlay.attributes["show"] === undefined &&
  overlay.attributes["activity"] === undefined &&
  elementsOf(overlay).every(({ name }) => name === "to");

/** Those for whom an overlay is: of several users, or of the addressee. */
export function usersOf(overlay: XmlElement, addressee: string): readonly string[] {
  const users = elementsOf(overlay).filter(({ name }) => name === "to");
  return users.length === 0 ? [addressee] : users.map(({ attributes }) => attributes["jid"] ?? "");
}
