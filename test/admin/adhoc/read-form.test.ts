import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeForm } from "../../../src/admin/adhoc/encode-form.ts";
import type { Answers, FormField, FormStep } from "../../../src/admin/adhoc/form.ts";
import { readForm } from "../../../src/admin/adhoc/read-form.ts";
import type { XmlDraft } from "../../../src/ports/xmpp-link.ts";
import { encodeXml } from "../../../src/xmpp/stanza-writer.ts";
import { form, NS_DATA, toElement } from "./adhoc-stage.ts";

const CHOICES = ["", "ews", "office365"].map((value) => ({ value, label: value }));
const FIELDS: readonly FormField[] = [
  { name: "jid", kind: "jid-single", label: "", isRequired: true },
  { name: "note", kind: "text-single", label: "", isRequired: false, value: "as before" },
  { name: "type", kind: "list-single", label: "", isRequired: false, choices: CHOICES },
  { name: "password", kind: "text-private", label: "", isRequired: true },
  { name: "enabled", kind: "boolean", label: "", isRequired: false, value: "yes" },
  { name: "pem", kind: "text-multi", label: "", isRequired: false },
];
const STEP: FormStep = { title: "t", instructions: [], fields: FIELDS };
const NOTHING: Answers = new Map();

const read = (draft: XmlDraft, before = NOTHING) => readForm(toElement(draft), STEP, before);
const answersOf = (draft: XmlDraft, before = NOTHING) => {
  const reading = read(draft, before);
  return reading.kind === "answers" ? Object.fromEntries(reading.answers) : reading;
};
const WHOLE = { jid: "alice@example.com", password: " s3cret " };

describe("a form that comes back", () => {
  it("gives what was entered; what was left as it was is no answer", () => {
    expect(answersOf(form({ ...WHOLE, note: "as before", enabled: "true", type: "" }))).toEqual(WHOLE);
    expect(answersOf(form({ ...WHOLE, note: " new ", enabled: "0", type: "ews", pem: ["a", "b\r\nc"] }))).toEqual({
      ...WHOLE,
      note: "new",
      enabled: "no",
      type: "ews",
      pem: "a\nb\nc",
    });
    expect(answersOf(form({ ...WHOLE, note: "" })), "emptied").toEqual({ ...WHOLE, note: "" });
  });

  it("keeps what was entered before where a field did not come back, and a secret that came back empty", () => {
    const before = new Map([
      ["password", "earlier"],
      ["note", "mine"],
    ]);
    expect(answersOf(form({ jid: "bob@example.com", password: "" }), before)).toEqual({
      jid: "bob@example.com",
      password: "earlier",
      note: "mine",
    });
  });

  it.each<readonly [string, Readonly<Record<string, string | readonly string[]>>, string]>([
    ["a required field that is missing", { password: "x" }, "jid is missing"],
    ["a required field that is empty", { ...WHOLE, jid: " " }, "jid is missing"],
    ["a secret that is missing", { jid: "a@b" }, "password is missing"],
    ["two values where one is asked", { ...WHOLE, jid: ["a@b", "c@d"] }, "jid has more than one value"],
    ["a choice that was not offered", { ...WHOLE, type: "forged" }, "type is none of the choices"],
    ["several lines where one is asked", { ...WHOLE, note: "a\nb" }, "note must be one line"],
    ["a control character in a secret", { ...WHOLE, password: "s3cret\u0007" }, "password must be one line"],
    ["a boolean that is none", { ...WHOLE, enabled: "maybe" }, "enabled must be 0 or 1"],
  ])("is refused for %s, without the value", (_case, fields, problem) => {
    expect(read(form(fields))).toEqual({ kind: "problems", problems: [problem] });
  });

  it("ignores fields that were not asked, and the types that fields claim", () => {
    const forged = form({ ...WHOLE, FORM_TYPE: "x", constructor: "y", ["__proto__"]: "z" });
    expect(answersOf(forged)).toEqual(WHOLE);
  });

  it("counts both of a field that comes twice", () => {
    const twice = { ...form(WHOLE), children: [...(form(WHOLE).children ?? []), ...(form(WHOLE).children ?? [])] };
    expect(read(twice)).toMatchObject({ kind: "problems" });
  });

  it("is no submission when it is of another type, too large, or of too many fields", () => {
    expect(read(form(WHOLE, "result")).kind).toBe("unreadable");
    expect(read(form(WHOLE, "cancel")).kind).toBe("cancelled");
    expect(read(form({ ...WHOLE, pem: "x".repeat(70_000) })).kind).toBe("unreadable");
    const many = Array.from({ length: 201 }, (_, index) => [`f${index}`, "x"] as const);
    expect(read(form(Object.fromEntries(many))).kind).toBe("unreadable");
  });

  it("that is missing leaves everything as it is", () => {
    expect(readForm(undefined, STEP, new Map(Object.entries(WHOLE)))).toEqual({
      kind: "answers",
      answers: new Map(Object.entries(WHOLE)),
    });
  });
});

const anyValue = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "0", "true", "ews", "a@b", "\n", "\u0000"),
);
const anyNode: fc.Arbitrary<XmlDraft> = fc.letrec<{ node: XmlDraft }>((tie) => ({
  node: fc.record({
    name: fc.constantFrom("field", "value", "option", "item", "reported", "x"),
    attributes: fc.dictionary(
      fc.constantFrom("var", "type", "xmlns"),
      fc.constantFrom("jid", "password", "enabled", "pem", "type", "__proto__", NS_DATA, "urn:x", "submit"),
    ),
    children: fc.array(fc.oneof({ depthSize: "small" }, anyValue, tie("node")), { maxLength: 4 }),
  }),
})).node;

const LINE = /^\P{Cc}*$/u;
const ALLOWED: Readonly<Record<string, RegExp>> = {
  jid: LINE,
  note: LINE,
  type: /^(ews|office365)$/,
  password: LINE,
  enabled: /^no$/,
  pem: /./su,
};
const isMatchedBy =
  (value: string) =>
  (pattern: RegExp | undefined): boolean =>
    pattern?.test(value) ?? false;

describe("any form", () => {
  it("is read or refused, never thrown at; answers are of fields that were asked, and allowed there", () => {
    const anyForm = fc.array(anyNode, { maxLength: 8 }).map((children) => ({ ...form({}), children }));
    fc.assert(
      fc.property(anyForm, (draft) => {
        const reading = readForm(toElement(draft), STEP, NOTHING);
        if (reading.kind !== "answers") return;
        for (const [name, value] of reading.answers) expect(ALLOWED[name]).toSatisfy(isMatchedBy(value));
      }),
      { numRuns: 200 },
    );
  });

  it("that is sent out and comes back untouched changes nothing, and never holds a secret", () => {
    const line = fc.string({ minLength: 1 }).map((text) => text.replace(/\p{Cc}/gu, "").trim());
    fc.assert(
      fc.property(line, line, (note, secret) => {
        fc.pre(note !== "as before");
        const entered = new Map([
          ["jid", "a@b"],
          ["password", `§${secret}`],
          ...(note === "" ? [] : [["note", note] as const]),
        ]);
        const sent = encodeForm(STEP, entered);
        expect(encodeXml(sent)).not.toContain("§");
        const back = { ...sent, attributes: { ...sent.attributes, type: "submit" } };
        const reading = readForm(toElement(back), STEP, entered);
        expect(reading).toEqual({ kind: "answers", answers: entered });
      }),
      { numRuns: 100 },
    );
  });
});
