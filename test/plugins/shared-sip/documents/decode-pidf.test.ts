import { describe, expect, test } from "vitest";
import { decodePidf, type HeardDocument, NOTHING_HEARD } from "../../../../plugins/shared-sip/documents/decode-pidf.ts";
import { TEXT_CATALOGUE } from "../../../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../../../src/core/texts.ts";
import { GatewayError } from "../../../../src/ports/errors.ts";
import { MONDAY_MORNING } from "../../../doubles/test-runtime.ts";

const terms = { reservedTexts: reservedTexts(TEXT_CATALOGUE), now: MONDAY_MORNING };
const decode = (content: string): HeardDocument =>
  decodePidf(
    `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:d="urn:ietf:params:xml:ns:pidf:data-model"
      xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:alice@example.com">${content}</presence>`,
    terms,
  );
const open = (content = "", id = "t1"): string =>
  `<tuple id="${id}"><status><basic>open</basic></status>${content}</tuple>`;
const person = (activities: string, rest = ""): string =>
  `<d:person id="p1"><r:activities>${activities}</r:activities>${rest}</d:person>`;
const showOf = ({ phones: [phone] }: HeardDocument): string | undefined => phone?.show;

describe("a phone's presence document", () => {
  test("is one client for each open tuple, lowest in priority unless it has one", () => {
    const closed = '<tuple id="t3"><status><basic>closed</basic></status></tuple>';
    const second = open('<contact priority="0.5">sip:alice@192.0.2.1</contact><note xml:lang="de">Da</note>', "t2");
    expect(decode(open() + second + closed).phones).toEqual([
      { resource: "sip:t1", show: "available", priority: -1, status: {} },
      { resource: "sip:t2", show: "available", priority: 64, status: { de: "Da" } },
    ]);
  });

  test("is never made of what the gateway itself has published", () => {
    const own = `${open("", "gw")}<d:person id="p-gw"><r:activities><r:meeting/><r:busy/></r:activities><d:note>In a meeting</d:note></d:person>`;
    expect(decode(own)).toEqual(NOTHING_HEARD);
    expect(showOf(decode(own + open()))).toBe("available");
  });

  test("makes no statement by a basic status that is none, or by a person without a tuple", () => {
    expect(decode('<tuple id="a"><status><basic>unknown</basic></status></tuple>')).toEqual(NOTHING_HEARD);
    expect(decode('<tuple id="a"/>').phones).toEqual([]);
    expect(decode(person("<r:busy/>")).phones).toEqual([]);
  });

  // RFC 4480 3.2; docs of the mapping: plugins/shared-sip/documents/map-presence.ts.
  test.each([
    ["<r:busy/>", "dnd"],
    ["<r:presentation/>", "dnd"],
    ["<r:away/>", "away"],
    ["<r:lunch/>", "available"],
    ["<r:vacation/>", "xa"],
    ["<r:permanent-absence/>", "xa"],
    ["<r:sleeping/>", "xa"],
    ["<r:away/><r:busy/>", "dnd"],
    ["<r:worship/>", "available"],
    ["<r:toString/>", "available"],
    ["<x xmlns='other'><busy/></x>", "available"],
  ])("with %s is %s", (activities, show) => {
    expect(showOf(decode(open() + person(activities)))).toBe(show);
  });

  test("keeps the note of an activity that says no show", () => {
    const { phones } = decode(open() + person("<r:worship/>", "<d:note>Evensong</d:note>"));
    expect(phones[0]).toMatchObject({ show: "available", status: { "": "Evensong" } });
  });

  // RFC 8048 6.3 note 3.
  test("says the XMPP show where it carries one, whatever the activities are", () => {
    const tuple = '<tuple id="t"><status><basic>open</basic><show xmlns="jabber:client"> xa </show></status></tuple>';
    expect(showOf(decode(tuple + person("<r:busy/>")))).toBe("xa");
    expect(showOf(decode(tuple.replace("xa", "<b/>") + person("<r:busy/>")))).toBe("dnd");
  });

  test.each([
    ['<r:user-input last-input="2026-11-23T08:00:00Z">idle</r:user-input>', MONDAY_MORNING - 3_600_000],
    ['<r:user-input last-input="2026-11-23T09:00:01Z">idle</r:user-input>', undefined],
    ['<r:user-input last-input="2026-11-23T08:00:00Z">active</r:user-input>', undefined],
    ["<r:user-input>idle</r:user-input>", undefined],
  ])("with %s is idle since %s", (input, since) => {
    expect(decode(`${open()}<d:person id="p1">${input}</d:person>`).phones[0]?.idleSince).toBe(since);
  });

  test("says on the phone", () => {
    expect(decode(open() + person("<r:on-the-phone/>"))).toMatchObject({ isOnThePhone: true, hasClaim: false });
  });

  test("counts activities from their beginning until their end", () => {
    const timed = (attribute: string) =>
      showOf(decode(`${open()}<d:person id="p"><r:activities ${attribute}><r:busy/></r:activities></d:person>`));
    expect(timed('until="2026-11-23T09:00:00Z"')).toBe("available");
    expect(timed('from="2026-11-23T09:00:01Z"')).toBe("available");
    expect(timed('from="2026-11-23T10:00:00+01:00" until="2026-11-23T09:00:01Z"')).toBe("dnd");
    expect(timed('until="never"')).toBe("dnd");
  });

  test.each([
    ["the activity", person("<r:meeting/>")],
    ["the activity in a tuple", open("<r:activities><r:meeting/></r:activities>", "t2")],
    ["a reserved note", open("<note>In  a MEETING!</note>", "t2")],
    ["a reserved note in another language", person("", '<d:note xml:lang="de">In einer Besprechung</d:note>')],
    ["look-alike letters", person("", "<d:note>Ιn а meeting</d:note>")],
    ["CDATA and a comment", person("<r:meeting><!-- x --></r:meeting>", "<d:note>In a <![CDATA[meeting]]></d:note>")],
  ])("has a claim of a meeting taken off and reported: %s", (_, claim) => {
    const heard = decode(open() + claim);
    expect(heard.hasClaim).toBe(true);
    expect(heard.phones.map(({ show, status }) => ({ show, status }))).toEqual(
      heard.phones.map(() => ({ show: "available", status: {} })),
    );
  });

  test("is bounded: tuples, ids, notes", () => {
    const many = Array.from({ length: 30 }, (_, index) => open("", `t${index}`)).join("");
    expect(decode(many).phones).toHaveLength(20);
    const [phone] = decode(open(`<note>${"😀".repeat(400)}</note>`, "i".repeat(500))).phones;
    expect(phone?.resource).toHaveLength(64);
    expect(Buffer.byteLength(phone?.status[""] ?? "")).toBeLessThanOrEqual(1024);
    expect(phone?.status[""]).not.toMatch(/\ud83d$/);
  });

  test.each([
    ["nothing", ""],
    ["no XML", "hello"],
    ["another root", '<presence xmlns="jabber:client"/>'],
    ["an unbound prefix", '<p:presence xmlns="urn:ietf:params:xml:ns:pidf"/>'],
    ["a cut document", '<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple>'],
    ["a document type", '<!DOCTYPE x [<!ENTITY e "e">]><presence xmlns="urn:ietf:params:xml:ns:pidf">&e;</presence>'],
    ["great depth", `<presence xmlns="urn:ietf:params:xml:ns:pidf">${"<a>".repeat(20)}${"</a>".repeat(20)}</presence>`],
    ["many elements", `<presence xmlns="urn:ietf:params:xml:ns:pidf">${"<a/>".repeat(1001)}</presence>`],
    ["a large document", `<presence xmlns="urn:ietf:params:xml:ns:pidf">${" ".repeat(70_000)}</presence>`],
  ])("is refused with an error of ours: %s", (_, text) => {
    expect(() => decodePidf(text, terms)).toThrow(GatewayError);
    expect(() => decodePidf(text, terms)).toThrow(/^a presence document cannot be read/);
  });
});
