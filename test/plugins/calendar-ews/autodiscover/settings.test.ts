import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PlaceAnswer, placeKey } from "../../../../plugins/calendar-ews/autodiscover/place.ts";
import { encodePoxRequest, poxDecoder } from "../../../../plugins/calendar-ews/autodiscover/pox-settings.ts";
import {
  encodeGetUserSettings,
  userSettingsOperation,
} from "../../../../plugins/calendar-ews/autodiscover/soap-settings.ts";
import { parseMailbox } from "../../../../src/core/addresses.ts";
import { GatewayError } from "../../../../src/ports/errors.ts";
import { parseRequestXml, textAt } from "../../../doubles/exchange/request-xml.ts";
import { anyText } from "../any-text.ts";

const HOST = "mail.example.com";
const [ALICE, BOB] = [parseMailbox("alice@example.com"), parseMailbox("o'bob&co@example.com")];
const URL_OF_ENDPOINT = new URL("https://mail.example.com/autodiscover/autodiscover.svc");

const decodeSoap = (xml: string, users = 1): readonly PlaceAnswer[] => {
  const mailboxes = Array.from({ length: users }, () => ALICE);
  const decoder = userSettingsOperation(mailboxes, URL_OF_ENDPOINT).decoder();
  decoder.write(Buffer.from(xml));
  return decoder.end();
};
const decodePox = (xml: string): PlaceAnswer => {
  const decoder = poxDecoder(HOST);
  decoder.write(Buffer.from(xml));
  return decoder.end();
};
const setting = (name: string, value: string) =>
  `<UserSetting><Name>${name}</Name><Value>${value}</Value></UserSetting>`;
const user = (rest: string, code = "NoError") => `<UserResponse><ErrorCode>${code}</ErrorCode>${rest}</UserResponse>`;
const soap = (users: string, code = "NoError") =>
  `<s:Envelope xmlns:s="x"><s:Body><r:GetUserSettingsResponseMessage xmlns:r="y"><Response><ErrorCode>${code}</ErrorCode><ErrorMessage>Said so.</ErrorMessage><UserResponses>${users}</UserResponses></Response></r:GetUserSettingsResponseMessage></s:Body></s:Envelope>`;
const pox = (account: string) =>
  `<Autodiscover xmlns="x"><Response><Account>${account}</Account></Response></Autodiscover>`;
const keyOf = (answer: PlaceAnswer | undefined) => (answer?.kind === "place" ? placeKey(answer.place) : answer);

/** The error's code, or what came instead. */
const outcome = (decode: () => unknown): unknown => {
  try {
    return decode();
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
};

/** The document with a stretch of it replaced by any text. */
const damaged = (xml: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(xml.length), fc.nat(40), anyText(40), fc.constantFrom("", "<", "</", "<!DOCTYPE x>", "&a;", "]]>"))
    .map(([at, length, text, piece]) => xml.slice(0, at) + piece + text + xml.slice(at + length));

/** True for an answer, or a GatewayError; anything else is thrown. */
const isHandled = (decode: () => unknown): boolean => outcome(decode) !== undefined;

describe("[R4] GetUserSettings", () => {
  it("asks for each user's EWS addresses and group, all text escaped", () => {
    const request = parseRequestXml(
      Buffer.from(encodeGetUserSettings([ALICE, BOB], URL_OF_ENDPOINT, "Exchange2010_SP1")),
    );
    expect(textAt(request, "Header", "RequestedServerVersion")).toBe("Exchange2010_SP1");
    expect(textAt(request, "Header", "To")).toBe(URL_OF_ENDPOINT.href);
    const users = request.children[1]?.children[0]?.children[0]?.children[0]?.children ?? [];
    expect(users.map((each) => textAt(each, "Mailbox"))).toEqual([ALICE, BOB]);
  });

  it("prefers the external address, and joins it with the group", () => {
    const both = user(
      setting("InternalEwsUrl", "https://in.example.com/EWS/Exchange.asmx") +
        setting("ExternalEwsUrl", "https://Out.example.com/EWS/Exchange.asmx") +
        setting("GroupingInformation", "DB2-Site"),
    );
    expect(keyOf(decodeSoap(soap(both))[0])).toBe("https://out.example.com/ews/exchange.asmx DB2-Site");
    const inside = user(setting("InternalEwsUrl", "https://in.example.com/EWS/Exchange.asmx"));
    expect(keyOf(decodeSoap(soap(inside))[0])).toBe("https://in.example.com/ews/exchange.asmx");
  });

  it("tells redirects, unknown users and users without an address from one another", () => {
    const users = [
      user("<RedirectTarget>alice@example.net</RedirectTarget>", "RedirectAddress"),
      user("<RedirectTarget>https://other.example.com/</RedirectTarget>", "RedirectUrl"),
      user("<ErrorMessage>No such user.</ErrorMessage>", "InvalidUser"),
      user(
        "<UserSettingErrors><UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode></UserSettingError></UserSettingErrors>",
      ),
      user(setting("ExternalEwsUrl", "javascript:alert(1)")),
    ];
    expect(decodeSoap(soap(users.join("")), 5)).toEqual([
      { kind: "redirect-address", address: "alice@example.net" },
      { kind: "redirect-url", url: "https://other.example.com/" },
      { kind: "unknown", why: "InvalidUser No such user." },
      { kind: "unknown", why: "no EWS address" },
      { kind: "unknown", why: "no EWS address" },
    ]);
  });

  it.each([
    ["too few answers", soap(user("")), "ews-bad-answer"],
    ["too many answers", soap(user("").repeat(3)), "ews-bad-answer"],
    ["a busy server", soap("", "ServerBusy"), "ews-throttled"],
    ["a request version that is not known", soap("", "InvalidRequest"), "ews-version-refused"],
    ["an error of its own", soap("", "InternalServerError"), "ews-fault"],
    [
      "a SOAP fault",
      '<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultstring>No.</faultstring></s:Fault></s:Body></s:Envelope>',
      "ews-fault",
    ],
    ["a web page", "<!DOCTYPE html><html></html>", "ews-not-xml"],
    ["an entity bomb", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "ews-bad-answer"],
    ["plain XML", pox(""), "ews-bad-answer"],
    ["nothing", "", "ews-bad-answer"],
  ])("reports %s", (_, xml, code) => {
    expect(outcome(() => decodeSoap(xml, 2))).toBe(code);
  });

  it("survives damage anywhere", () => {
    const whole = soap(
      user(setting("ExternalEwsUrl", "https://out.example.com/") + setting("GroupingInformation", "DB")),
    );
    fc.assert(fc.property(damaged(whole), (xml) => isHandled(() => decodeSoap(xml))));
  });
});

describe("[R4] plain XML, as Exchange 2007 speaks it", () => {
  it("asks for one user", () => {
    expect(textAt(parseRequestXml(Buffer.from(encodePoxRequest(BOB))), "Request", "EMailAddress")).toBe(BOB);
  });

  it("takes EXPR for outside and EXCH for inside, and nothing of protocols within others", () => {
    const protocol = (type: string, url: string, rest = "") =>
      `<Protocol><Type>${type}</Type>${rest}<EwsUrl>${url}</EwsUrl></Protocol>`;
    const inner = "<External><Protocol><Type>EXPR</Type><EwsUrl>https://evil.example/</EwsUrl></Protocol></External>";
    const account = protocol("EXCH", "https://in.example.com/x") + protocol("WEB", "https://web.example.com/", inner);
    expect(keyOf(decodePox(pox(account)))).toBe("https://in.example.com/x");
    expect(keyOf(decodePox(pox(account + protocol("EXPR", "https://out.example.com/y"))))).toBe(
      "https://out.example.com/y",
    );
    expect(
      keyOf(
        decodePox(
          pox(`${protocol("EXCH", "https://in.example.com/x", "<GroupingInformation>DB1</GroupingInformation>")}`),
        ),
      ),
    ).toBe("https://in.example.com/x DB1");
  });

  it("tells redirects and errors from one another", () => {
    expect(decodePox(pox("<Action>redirectAddr</Action><RedirectAddr>a@b.example</RedirectAddr>"))).toEqual({
      kind: "redirect-address",
      address: "a@b.example",
    });
    expect(decodePox(pox("<Action>redirectUrl</Action><RedirectUrl>https://b.example/</RedirectUrl>"))).toEqual({
      kind: "redirect-url",
      url: "https://b.example/",
    });
    const error = "<Error><ErrorCode>500</ErrorCode><Message>The e-mail address cannot be found.</Message></Error>";
    expect(decodePox(pox(error))).toEqual({ kind: "unknown", why: "500 The e-mail address cannot be found." });
  });

  it("is refused when it is too large or too deep, and survives any text", () => {
    expect(outcome(() => decodePox(pox(`<!--${"x".repeat(1_100_000)}-->`)))).toBe("ews-bad-answer");
    expect(outcome(() => decodePox(pox(`${"<a>".repeat(70)}${"</a>".repeat(70)}`)))).toBe("ews-bad-answer");
    expect(outcome(() => decodePox(pox("").slice(0, -5)))).toBe("ews-bad-answer");
    const whole = pox("<Protocol><Type>EXPR</Type><EwsUrl>https://out.example.com/</EwsUrl></Protocol>");
    fc.assert(fc.property(damaged(whole), (xml) => isHandled(() => decodePox(xml))));
  });
});
