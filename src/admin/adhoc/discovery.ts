import { createHash } from "node:crypto";
import type { XmlDraft } from "../../ports/xmpp-link.ts";
import type { AdhocCommand } from "./adhoc-command.ts";
import { element } from "./encode-form.ts";
import { NS } from "./namespaces.ts";

/** How the component is named to people. */
export const COMPONENT_NAME = "Presence gateway";
const DESCRIPTION =
  "Shows “In a meeting” from the calendar. Send help, or use its commands; administrators manage it the same way.";

/** XEP-0115: names the program. */
const CAPS_NODE = "urn:x-presence-gateway";
/** XEP-0030: the registry of identities has `component/presence`. */
const IDENTITY = { category: "component", type: "presence", name: COMPONENT_NAME };
const FEATURES = [
  NS.caps,
  NS.commands,
  NS.data,
  NS.discoInfo,
  NS.discoItems,
  NS.last,
  NS.nick,
  NS.ping,
  NS.vcard,
  NS.version,
].sort();

/** XEP-0115 5.1: base64 of SHA-1 over the identity and the sorted features. */
const capsVersion = (): string => {
  const { category, type, name } = IDENTITY;
  return createHash("sha1")
    .update([`${category}/${type}//${name}`, ...FEATURES, ""].join("<"))
    .digest("base64");
};

/** `<c/>` of the component's presence (XEP-0115). */
export const encodeCaps = (): XmlDraft => ({
  name: "c",
  attributes: { xmlns: NS.caps, hash: "sha-1", node: CAPS_NODE, ver: capsVersion() },
});

/** True when disco#info of this node is that of the component itself. */
export const isOwnNode = (node: string | undefined): boolean =>
  node === undefined || node === `${CAPS_NODE}#${capsVersion()}`;

const encodeInfo = (
  node: string | undefined,
  identity: Readonly<Record<string, string>>,
  features: readonly string[],
): XmlDraft => ({
  name: "query",
  attributes: { xmlns: NS.discoInfo, node },
  children: [
    { name: "identity", attributes: identity },
    ...features.map((feature) => ({ name: "feature", attributes: { var: feature } })),
  ],
});

/** disco#info of the component; `node` is what was asked for (XEP-0115 6.2). */
export const encodeOwnInfo = (node: string | undefined): XmlDraft => encodeInfo(node, IDENTITY, FEATURES);

/** disco#info of the list of commands (XEP-0050 2.2). */
export const encodeListInfo = (): XmlDraft =>
  encodeInfo(NS.commands, { category: "automation", type: "command-list", name: "Commands" }, [
    NS.commands,
    NS.discoInfo,
    NS.discoItems,
  ]);

/** disco#info of one command (XEP-0050 2.3). */
export const encodeCommandInfo = ({ node, name }: AdhocCommand): XmlDraft =>
  encodeInfo(node, { category: "automation", type: "command-node", name }, [NS.commands, NS.data, NS.discoInfo]);

const encodeItems = (
  node: string | undefined,
  items: readonly { readonly jid: string; readonly node: string; readonly name: string }[],
): XmlDraft => ({
  name: "query",
  attributes: { xmlns: NS.discoItems, node },
  children: items.map((item) => ({ name: "item", attributes: item })),
});

/** disco#items of the component: its list of commands, so that clients that browse find it. */
export const encodeOwnItems = (jid: string): XmlDraft =>
  encodeItems(undefined, [{ jid, node: NS.commands, name: "Commands" }]);

/** disco#items of a node without any. */
export const encodeNoItems = (node: string): XmlDraft => encodeItems(node, []);

/** The list of commands (XEP-0050 2.2). */
export const encodeCommandItems = (jid: string, commands: readonly AdhocCommand[]): XmlDraft =>
  encodeItems(
    NS.commands,
    commands.map(({ node, name }) => ({ jid, node, name })),
  );

/** XEP-0054. */
export const encodeVcard = (): XmlDraft => ({
  name: "vCard",
  attributes: { xmlns: NS.vcard },
  children: [element("FN", COMPONENT_NAME), element("NICKNAME", COMPONENT_NAME), element("DESC", DESCRIPTION)],
});

/** XEP-0092; the operating system is nobody's business. */
export const encodeVersion = (version: string): XmlDraft => ({
  name: "query",
  attributes: { xmlns: NS.version },
  children: [element("name", COMPONENT_NAME), element("version", version)],
});

/** XEP-0012 section 4: the uptime of a component, in whole seconds. */
export const encodeUptime = (length: number): XmlDraft => ({
  name: "query",
  attributes: { xmlns: NS.last, seconds: String(Math.max(0, Math.floor(length / 1000))) },
});
