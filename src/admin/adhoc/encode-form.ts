import type { XmlDraft } from "../../ports/xmpp-link.ts";
import { type Answers, type FormField, type FormStep, presetOf } from "./form.ts";
import { NS } from "./namespaces.ts";

/** The form (XEP-0004, type `form`) with what was entered before; what is private is never sent back. */
export function encodeForm(step: FormStep, entered: Answers): XmlDraft {
  const { title, instructions, formType } = step;
  return {
    name: "x",
    attributes: { xmlns: NS.data, type: "form" },
    children: [
      element("title", title),
      ...instructions.map((each) => element("instructions", each)),
      ...(formType === undefined ? [] : [encodeFormType(formType)]),
      ...step.fields.map((field) => encodeField(field, entered.get(field.name) ?? presetOf(field))),
    ],
  };
}

/** XEP-0068: the hidden field that says which form it is. */
export const encodeFormType = (formType: string): XmlDraft => ({
  name: "field",
  attributes: { var: "FORM_TYPE", type: "hidden" },
  children: [element("value", formType)],
});

/** An element with text. */
export const element = (name: string, text: string): XmlDraft => ({ name, children: [text] });

function encodeField(field: FormField, value: string): XmlDraft {
  const { name, kind, label, text, isRequired, choices = [] } = field;
  return {
    name: "field",
    attributes: { var: name, type: kind, label },
    children: [
      ...(text === undefined ? [] : [element("desc", text)]),
      ...(isRequired ? [{ name: "required" }] : []),
      ...encodeValues(field, value),
      ...choices.map((choice) => ({
        name: "option",
        attributes: { label: choice.label },
        children: [element("value", choice.value)],
      })),
    ],
  };
}

function encodeValues({ kind }: FormField, value: string): readonly XmlDraft[] {
  if (kind === "text-private" || value === "") return [];
  if (kind === "boolean") return [element("value", value === "yes" ? "1" : "0")];
  return (kind.endsWith("-multi") ? value.split("\n") : [value]).map((line) => element("value", line));
}
