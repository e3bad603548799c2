import { elementsOf, findChild, textOf, type XmlElement } from "../../../src/ports/xml-element.ts";
import type { Stanza, XmlDraft } from "../../../src/ports/xmpp-link.ts";

export const NS_COMMANDS = "http://jabber.org/protocol/commands";
export const NS_DATA = "jabber:x:data";

/** The draft as the other side reads it. */
export const toElement = (draft: XmlDraft, parent = "jabber:component:accept"): XmlElement => {
  const namespace = draft.attributes?.["xmlns"] ?? parent;
  const attributes = Object.entries(draft.attributes ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const children = (draft.children ?? []).flatMap((child) =>
    child === undefined ? [] : [typeof child === "string" ? child : toElement(child, namespace)],
  );
  return { name: draft.name, namespace, attributes: Object.fromEntries(attributes), children };
};

/** A request to the component. */
export function iq(payload: XmlDraft, from = "carol@example.com/home", type = "set"): Stanza {
  const element = toElement({ name: "iq", children: [payload] });
  return { element, from, to: "presence.example.com", type, id: "1" };
}

/** A form that is submitted. */
export const form = (fields: Readonly<Record<string, string | readonly string[]>>, type = "submit"): XmlDraft => ({
  name: "x",
  attributes: { xmlns: NS_DATA, type },
  children: Object.entries(fields).map(([name, value]) => ({
    name: "field",
    attributes: { var: name },
    children: (typeof value === "string" ? [value] : value).map((each) => ({ name: "value", children: [each] })),
  })),
});

/** `<command/>` as clients send it. */
export const command = (attributes: Readonly<Record<string, string>>, x?: XmlDraft): XmlDraft => ({
  name: "command",
  attributes: { xmlns: NS_COMMANDS, ...attributes },
  children: [x],
});

/** What a client shows of an answer. */
export function view(draft: XmlDraft | undefined) {
  const element = toElement(draft ?? { name: "nothing" });
  const x = findChild(element, "x", NS_DATA);
  const fields = x ? elementsOf(x).filter(({ name }) => name === "field") : [];
  const actions = findChild(element, "actions", NS_COMMANDS);
  return {
    status: element.attributes["status"],
    session: element.attributes["sessionid"] ?? "",
    actions: actions ? elementsOf(actions).map(({ name }) => name) : [],
    execute: actions?.attributes["execute"],
    notes: elementsOf(element)
      .filter(({ name }) => name === "note")
      .map((note) => `${note.attributes["type"]}: ${textOf(note)}`),
    kinds: Object.fromEntries(fields.map((field) => [nameOf(field), field.attributes["type"]])),
    values: Object.fromEntries(fields.map((field) => [nameOf(field), valuesOf(field)])),
    choices: Object.fromEntries(fields.map((field) => [nameOf(field), choicesOf(field)])),
  };
}

const nameOf = ({ attributes }: XmlElement): string => attributes["var"] ?? "";

const valuesOf = (field: XmlElement): readonly string[] =>
  elementsOf(field)
    .filter(({ name }) => name === "value")
    .map(textOf);

const choicesOf = (field: XmlElement): readonly string[] =>
  elementsOf(field)
    .filter(({ name }) => name === "option")
    .flatMap(valuesOf);
