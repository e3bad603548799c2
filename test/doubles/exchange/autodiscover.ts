import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authenticator } from "./authentication.ts";
import { child, parseRequestXml, textAt, type XmlElement } from "./request-xml.ts";
import { escapeXml, SOAP } from "./soap.ts";
import type { ExchangeStats } from "./stats.ts";
import { sendStatus, sendText } from "./wire.ts";

/** What Autodiscover knows of one address. */
export type UserSettings =
  | { readonly externalEwsUrl?: string; readonly internalEwsUrl?: string; readonly grouping?: string }
  | { readonly redirectAddress: string }
  | { readonly redirectUrl: string };

/** How an endpoint answers whatever it is asked. */
export type WrongAnswer =
  | { readonly kind: "redirect"; readonly location: string; readonly status?: number }
  | { readonly kind: "text"; readonly text: string; readonly type?: string }
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "hang" };

type Protocol = "soap" | "pox";
const PATHS: ReadonlyMap<string, Protocol> = new Map([
  ["/autodiscover/autodiscover.svc", "soap"],
  ["/autodiscover/autodiscover.xml", "pox"],
]);
const NAMESPACE = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const POX = "http://schemas.microsoft.com/exchange/autodiscover/";
// MS-OXWSADISC: more users in one request are refused with InvalidRequest.
const MOST_USERS = 100;

/** The virtual directory /Autodiscover: SOAP (2010 and later) and plain XML (all). Answers 404 until it is switched on. */
export class AutodiscoverFront {
  /** Exchange 2007 offers `pox` only. */
  offers: readonly Protocol[] = [];
  /** Request versions that the SOAP endpoint does not know. */
  refusedVersions: readonly string[] = [];
  /** Whatever is asked is answered so. */
  wrong: WrongAnswer | undefined;
  /** Addresses asked for, in order, by protocol. */
  readonly asked: { readonly protocol: Protocol; readonly addresses: readonly string[] }[] = [];
  readonly #users = new Map<string, UserSettings>();

  /** What is known of an address from now on. */
  set(smtp: string, settings: UserSettings): void {
    this.#users.set(smtp.toLowerCase(), settings);
  }

  /** The protocol of a request that is for Autodiscover. */
  protocolOf(request: IncomingMessage): Protocol | undefined {
    const path = (request.url ?? "").split("?", 1)[0]?.toLowerCase() ?? "";
    const protocol = PATHS.get(path);
    return protocol && (this.wrong || this.offers.includes(protocol)) ? protocol : undefined;
  }

  /** Answers one request for Autodiscover whose body has been read. */
  answer(protocol: Protocol, body: Buffer, response: ServerResponse): void {
    if (this.wrong) {
      sendWrong(this.wrong, response);
      return;
    }
    const root = parseRequestXml(body);
    const text = protocol === "soap" ? this.#answerSoap(root) : this.#answerPox(root);
    sendText(response, { status: 200, text }, undefined);
  }

  #answerSoap(envelope: XmlElement): string {
    const version = textAt(envelope, "Header", "RequestedServerVersion") ?? "";
    const request = child(child(envelope, "Body"), "GetUserSettingsRequestMessage");
    const users = child(child(request, "Request"), "Users")?.children ?? [];
    const addresses = users.map((user) => textAt(user, "Mailbox") ?? "");
    this.asked.push({ protocol: "soap", addresses });
    if (addresses.length > MOST_USERS || this.refusedVersions.includes(version)) {
      return encodeSoap("InvalidRequest", "The request is invalid.", "");
    }
    const wanted = (child(child(request, "Request"), "RequestedSettings")?.children ?? []).map(({ text }) => text);
    const responses = addresses.map((address) => encodeUser(this.#users.get(address.toLowerCase()), wanted));
    return encodeSoap("NoError", "", responses.join(""));
  }

  #answerPox(root: XmlElement): string {
    const address = textAt(root, "Request", "EMailAddress") ?? "";
    this.asked.push({ protocol: "pox", addresses: [address] });
    return encodePox(this.#users.get(address.toLowerCase()));
  }
}

/** Takes a request for Autodiscover; false when it is for something else. */
export async function answerAutodiscover(
  request: IncomingMessage,
  response: ServerResponse,
  context: {
    readonly autodiscover: AutodiscoverFront;
    readonly authenticator: Authenticator;
    readonly stats: ExchangeStats;
  },
): Promise<boolean> {
  const { autodiscover, authenticator, stats } = context;
  const protocol = autodiscover.protocolOf(request);
  if (protocol === undefined) return false;
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const result = authenticator.authenticate(request);
  for (const [name, value] of Object.entries(result.headers ?? {})) response.setHeader(name, value);
  if ("challenges" in result) {
    stats.countRefusal("http-401");
    sendStatus(response, 401, { "WWW-Authenticate": result.challenges });
    return true;
  }
  stats.countRequest(`Autodiscover-${protocol}`);
  autodiscover.answer(protocol, Buffer.concat(chunks), response);
  return true;
}

function sendWrong(wrong: WrongAnswer, response: ServerResponse): void {
  switch (wrong.kind) {
    case "redirect":
      sendStatus(response, wrong.status ?? 302, { Location: wrong.location });
      return;
    case "text":
      sendText(response, { status: 200, text: wrong.text, type: wrong.type ?? "text/xml" }, undefined);
      return;
    case "status":
      sendStatus(response, wrong.status);
      return;
    case "hang":
      return;
  }
}

const encodeSoap = (code: string, text: string, responses: string): string =>
  `<s:Envelope xmlns:s="${SOAP}" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>` +
  `<a:Action s:mustUnderstand="1">${NAMESPACE}/Autodiscover/GetUserSettingsResponse</a:Action>` +
  `<h:ServerVersionInfo xmlns:h="${NAMESPACE}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><h:MajorVersion>15</h:MajorVersion>` +
  "<h:MinorVersion>1</h:MinorVersion><h:MajorBuildNumber>2507</h:MajorBuildNumber><h:MinorBuildNumber>6</h:MinorBuildNumber>" +
  "<h:Version>Exchange2015</h:Version></h:ServerVersionInfo></s:Header><s:Body>" +
  `<GetUserSettingsResponseMessage xmlns="${NAMESPACE}"><Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance">` +
  `<ErrorCode>${code}</ErrorCode><ErrorMessage>${text}</ErrorMessage><UserResponses>${responses}</UserResponses>` +
  "</Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>";

function encodeUser(user: UserSettings | undefined, wanted: readonly string[]): string {
  const wrap = (code: string, text: string, target: string, rest: string): string =>
    `<UserResponse><ErrorCode>${code}</ErrorCode><ErrorMessage>${text}</ErrorMessage>${target}${rest}</UserResponse>`;
  const none = '<RedirectTarget i:nil="true"/>';
  if (!user) return wrap("InvalidUser", "Invalid user.", none, "<UserSettingErrors/><UserSettings/>");
  if ("redirectAddress" in user || "redirectUrl" in user) {
    const [code, target] =
      "redirectUrl" in user ? ["RedirectUrl", user.redirectUrl] : ["RedirectAddress", user.redirectAddress];
    const element = `<RedirectTarget>${escapeXml(target)}</RedirectTarget>`;
    return wrap(code, "Redirection.", element, "<UserSettingErrors/><UserSettings/>");
  }
  const values = new Map([
    ["ExternalEwsUrl", user.externalEwsUrl],
    ["InternalEwsUrl", user.internalEwsUrl],
    ["GroupingInformation", user.grouping],
  ]);
  const known = wanted.flatMap((name) => {
    const value = values.get(name);
    return value === undefined
      ? []
      : [`<UserSetting i:type="StringSetting"><Name>${name}</Name><Value>${escapeXml(value)}</Value></UserSetting>`];
  });
  const missing = wanted.filter((name) => values.get(name) === undefined).map(encodeMissing);
  const rest = `<UserSettingErrors>${missing.join("")}</UserSettingErrors><UserSettings>${known.join("")}</UserSettings>`;
  return wrap("NoError", "No error.", none, rest);
}

const encodeMissing = (name: string): string =>
  `<UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode><ErrorMessage>Setting is not available.</ErrorMessage><SettingName>${escapeXml(name)}</SettingName></UserSettingError>`;

function encodePox(user: UserSettings | undefined): string {
  const wrap = (schema: string, content: string): string =>
    `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${POX}${schema}/2006"><Response${content}</Response></Autodiscover>`;
  if (!user) {
    return wrap(
      "responseschema",
      '><Error Time="09:00:00.0000000" Id="2477272013"><ErrorCode>500</ErrorCode><Message>The e-mail address cannot be found.</Message><DebugData/></Error>',
    );
  }
  return wrap(
    "responseschema",
    ` xmlns="${POX}outlook/responseschema/2006a"><User><DisplayName>Somebody</DisplayName></User><Account><AccountType>email</AccountType>${encodeAccount(user)}</Account>`,
  );
}

function encodeAccount(user: UserSettings): string {
  if ("redirectAddress" in user) {
    return `<Action>redirectAddr</Action><RedirectAddr>${escapeXml(user.redirectAddress)}</RedirectAddr>`;
  }
  if ("redirectUrl" in user) {
    return `<Action>redirectUrl</Action><RedirectUrl>${escapeXml(user.redirectUrl)}</RedirectUrl>`;
  }
  const protocol = (type: string, url: string | undefined): string =>
    url === undefined
      ? ""
      : `<Protocol><Type>${type}</Type><Server>mail.example.com</Server><ASUrl>${escapeXml(url)}</ASUrl><EwsUrl>${escapeXml(url)}</EwsUrl>${user.grouping === undefined ? "" : `<GroupingInformation>${escapeXml(user.grouping)}</GroupingInformation>`}</Protocol>`;
  // The protocol WEB has others inside, whose type says the same and which hold no EwsUrl.
  const web =
    "<Protocol><Type>WEB</Type><External><Protocol><Type>EXPR</Type><ASUrl>https://elsewhere.example/</ASUrl></Protocol></External></Protocol>";
  return `<Action>settings</Action>${protocol("EXCH", user.internalEwsUrl)}${protocol("EXPR", user.externalEwsUrl)}${web}`;
}
