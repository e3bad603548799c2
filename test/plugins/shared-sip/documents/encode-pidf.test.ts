import { describe, expect, test } from "vitest";
import { encodePidf } from "../../../../plugins/shared-sip/documents/encode-pidf.ts";
import { parsePresentityId, parseSipAor } from "../../../../src/core/addresses.ts";
import { IN_A_MEETING, ON_THE_PHONE, type PresenceDocument } from "../../../../src/core/presence.ts";
import { minutes, plus } from "../../../../src/lib/time.ts";
import { MONDAY_MORNING } from "../../../doubles/test-runtime.ts";

const AOR = parseSipAor("sip:alice@example.com");
const encode = (document: PresenceDocument, locale = "en"): string =>
  encodePidf({ presentity: parsePresentityId("alice@example.com"), document, locale }, AOR);

const tupleOf = (text: string): string | undefined => /<tuple id="gw">(.*)<\/tuple>/.exec(text)?.[1];
const personOf = (text: string): string | undefined => /<dm:person id="p-gw">(.*)<\/dm:person>/.exec(text)?.[1];
const CONTACT = "<contact>sip:alice@example.com</contact>";

const MEETING: PresenceDocument = {
  show: "dnd",
  source: "calendar",
  activity: IN_A_MEETING,
  text: "in-a-meeting",
  from: MONDAY_MORNING,
  until: plus(MONDAY_MORNING, minutes(30)),
};

describe("the presence document for SIP", () => {
  test("[M3] says meeting and busy in one element, from when until when, with the note in the user's language", () => {
    expect(encode(MEETING, "de-AT")).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"' +
        ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.com">' +
        '<tuple id="gw"><status><basic>open</basic><show xmlns="jabber:client">dnd</show></status>' +
        `${CONTACT}<note xml:lang="de">In einer Besprechung</note></tuple>` +
        '<dm:person id="p-gw"><rpid:activities from="2026-11-23T09:00:00Z" until="2026-11-23T09:30:00Z">' +
        '<rpid:meeting/><rpid:busy/></rpid:activities><dm:note xml:lang="de">In einer Besprechung</dm:note>' +
        "</dm:person></presence>\n",
    );
  });

  test("is neutral after a meeting: the same tuple and the same person, without activities", () => {
    const text = encode({ show: "available", source: "client" });
    expect(tupleOf(text)).toBe(`<status><basic>open</basic></status>${CONTACT}`);
    expect(personOf(text)).toBe("");
  });

  test("is closed when nobody is online, and says nothing else", () => {
    const text = encode({ show: "unavailable", source: "client", priority: 5, note: { "": "gone" } });
    expect(tupleOf(text)).toBe(`<status><basic>closed</basic></status>${CONTACT}`);
    expect(personOf(text)).toBe("");
  });

  // RFC 8048 6.2 note 7 for the show; RFC 4480 3.2 for the activities.
  test.each<[PresenceDocument, show: string, activities: string]>([
    [{ show: "chat", source: "client" }, "chat", ""],
    [{ show: "away", source: "client" }, "away", "<rpid:away/>"],
    [{ show: "xa", source: "client" }, "xa", "<rpid:away/>"],
    [{ show: "dnd", source: "client" }, "dnd", "<rpid:busy/>"],
    [{ show: "away", source: "calendar", text: "out-of-office" }, "away", "<rpid:vacation/><rpid:away/>"],
    [{ show: "dnd", source: "phone", activity: ON_THE_PHONE }, "dnd", "<rpid:on-the-phone/><rpid:busy/>"],
    [{ show: "dnd", source: "client", activity: IN_A_MEETING }, "dnd", "<rpid:meeting/><rpid:busy/>"],
    [{ show: "away", source: "calendar", activity: IN_A_MEETING }, "away", "<rpid:meeting/><rpid:busy/>"],
  ])("of %j has its show and its activities", (document, show, activities) => {
    const text = encode(document);
    expect(text).toContain(`<show xmlns="jabber:client">${show}</show>`);
    expect(/<rpid:activities>(.*)<\/rpid:activities>/.exec(text)?.[1] ?? "").toBe(activities);
  });

  // RFC 8048 6.2 note 6.
  test.each([
    [1, "0.008"],
    [64, "0.504"],
    [127, "1.000"],
  ])("maps the priority %d to %s", (priority, mapped) => {
    expect(encode({ show: "away", source: "client", priority })).toContain(`<contact priority="${mapped}">`);
  });

  test("says since when nobody has touched the client", () => {
    const idle: PresenceDocument = { show: "away", source: "client", idleSince: MONDAY_MORNING };
    const element = '<rpid:user-input last-input="2026-11-23T09:00:00Z">idle</rpid:user-input>';
    expect(personOf(encode(idle))).toBe(`<rpid:activities><rpid:away/></rpid:activities>${element}`);
    expect(encode({ ...idle, show: "unavailable" })).not.toContain("user-input");
  });

  test("carries the client's notes in all their languages, the user's own first", () => {
    const note = { "": "Lunch", de: "Mittag", fr: "Midi" };
    const text = encode({ show: "away", source: "client", note }, "fr-CH");
    expect(tupleOf(text)).toContain(
      '<note xml:lang="fr">Midi</note><note>Lunch</note><note xml:lang="de">Mittag</note>',
    );
    expect(personOf(text)).toContain('<dm:note xml:lang="fr">Midi</dm:note><dm:note>Lunch</dm:note>');
  });

  test("cleans and bounds what clients write", () => {
    const hostile = `a\ud800b\r\nc\u0000d]]><!--&"é${"x".repeat(600)}`;
    const text = encode({ show: "away", source: "client", note: { 'x" y="': hostile } });
    expect(tupleOf(text)).toContain("<note>a\ufffdb c\ufffdd]]&gt;&lt;!--&amp;&quot;éx");
    expect(text).not.toMatch(/x{501}/);
    expect(encode({ show: "away", source: "client", note: { "": "😀".repeat(400) } })).not.toMatch(/\ud83d(?!\ude00)/);
  });
});
