import { elementsOf, textOf, type XmlElement } from "../../ports/xml-element.ts";
import { LONGEST_COMMAND } from "../parse-command-line.ts";
import { type Answers, type FormField, type FormStep, presetOf } from "./form.ts";
import { NS } from "./namespaces.ts";

/** A form that came back; problems are for people and never repeat a value, which may be a password. */
export type FormReading =
  | { readonly kind: "answers"; readonly answers: Answers }
  | { readonly kind: "problems"; readonly problems: readonly string[] }
  | { readonly kind: "cancelled" }
  | { readonly kind: "unreadable" };

const MOST_FIELDS = 200;
const MOST_VALUES = 5000;

/**
 * Reads the form that answers `step`. Fields that were not asked are ignored, as is the type that a field claims to have
 * (XEP-0004 3.2): ours counts. A field that did not come back stays as it was in `before`, and so does a private one
 * that came back empty, for it is never sent out. Unreadable: no form that was submitted, or too large.
 */
export function readForm(form: XmlElement | undefined, step: FormStep, before: Answers): FormReading {
  if (form?.attributes["type"] === "cancel") return { kind: "cancelled" };
  if (form && form.attributes["type"] !== "submit") return { kind: "unreadable" };
  const sent = form ? readFields(form) : new Map<string, readonly string[]>();
  if (!sent) return { kind: "unreadable" };
  const answers = new Map(before);
  const problems: string[] = [];
  for (const field of step.fields) {
    const reading = readAnswer(field, sent.get(field.name), before.get(field.name));
    if ("problem" in reading) problems.push(`${field.name} ${reading.problem}`);
    else if (reading.value === presetOf(field)) answers.delete(field.name);
    else answers.set(field.name, reading.value);
  }
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "answers", answers };
}

/** The values of each field; of a field that comes twice, those of both. */
function readFields(form: XmlElement): ReadonlyMap<string, readonly string[]> | undefined {
  const fields = elementsOf(form).filter(({ name, namespace }) => name === "field" && namespace === NS.data);
  if (fields.length > MOST_FIELDS) return undefined;
  const sent = new Map<string, string[]>();
  let length = 0;
  let count = 0;
  for (const field of fields) {
    const name = field.attributes["var"] ?? "";
    const values = elementsOf(field).filter((child) => child.name === "value" && child.namespace === NS.data);
    const texts = values.map(textOf);
    count += texts.length;
    for (const text of texts) length += text.length;
    if (count > MOST_VALUES || length > LONGEST_COMMAND) return undefined;
    sent.set(name, [...(sent.get(name) ?? []), ...texts]);
  }
  return sent;
}

type Reading = { readonly value: string } | { readonly problem: string };

function readAnswer(field: FormField, sent: readonly string[] | undefined, before: string | undefined): Reading {
  const kept = before ?? presetOf(field);
  const reading = sent === undefined ? { value: kept } : readValue(field, sent);
  if ("problem" in reading || reading.value !== "") return reading;
  if (field.kind === "text-private") return kept === "" && field.isRequired ? MISSING : { value: kept };
  return field.isRequired ? MISSING : reading;
}

const MISSING = { problem: "is missing" };

function readValue({ kind, choices = [] }: FormField, sent: readonly string[]): Reading {
  if (kind === "text-multi" || kind === "jid-multi") return readLines(sent);
  const [value = "", second] = sent;
  if (second !== undefined) return { problem: "has more than one value" };
  if (/\p{Cc}/u.test(value)) return { problem: "must be one line" };
  if (kind === "text-private") return { value };
  const plain = value.trim();
  if (kind === "boolean") return readBoolean(plain);
  const isOffered = kind !== "list-single" || plain === "" || choices.some((choice) => choice.value === plain);
  return isOffered ? { value: plain } : { problem: "is none of the choices" };
}

const readLines = (sent: readonly string[]): Reading => ({
  value: sent
    .flatMap((text) => text.split(/\r\n|\r|\n/))
    .join("\n")
    .trim(),
});

/** XEP-0004 3.3: `1`, `true`, `0`, `false`; a box that was never touched may come back empty. */
function readBoolean(value: string): Reading {
  if (value === "1" || value === "true") return { value: "yes" };
  return value === "0" || value === "false" || value === "" ? { value: "no" } : { problem: "must be 0 or 1" };
}
