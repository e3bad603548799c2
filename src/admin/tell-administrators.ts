import type { BareJid } from "../core/addresses.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { XmppLink } from "../ports/xmpp-link.ts";

/** Who is told, and how. */
export interface Administrators {
  readonly link: Pick<XmppLink, "domain" | "isOnline" | "send">;
  readonly admins: readonly BareJid[];
  readonly runtime: Pick<Runtime, "clock" | "log" | "uniqueId">;
}

/** Sends the text to each administrator by chat; rejects as the link does. */
export async function tellAdministrators(
  { link, admins, runtime }: Administrators,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  for (const admin of admins) {
    const attributes = { from: link.domain, to: admin, type: "chat", id: runtime.uniqueId() };
    await link.send({ name: "message", attributes, children: [{ name: "body", children: [text] }] }, signal);
  }
}
