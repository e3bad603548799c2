/** Autodiscover by SOAP (MS-OXWSADISC 3.1.4.4 GetUserSettings): Exchange 2010 and later. */
import type { Mailbox } from "../../../src/core/addresses.ts";
import { escapeXml } from "../../../src/lib/xml.ts";
import type { Operation } from "../ews-client.ts";
import { ewsError } from "../ews-errors.ts";
import { problemError } from "../response-problem.ts";
import { answerDecoder, type BodyHandler } from "../soap-answer.ts";
import { type PlaceAnswer, placeOf } from "./place.ts";

/** Most users of one request. Exchange takes 100; half of it keeps answers short while a directory is slow. */
export const MAX_USERS = 50;

const AUTODISCOVER = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const NAMESPACES = `xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="${AUTODISCOVER}" xmlns:wsa="http://www.w3.org/2005/08/addressing"`;
const SETTINGS = ["ExternalEwsUrl", "InternalEwsUrl", "GroupingInformation"];

/** A request for the settings of up to 50 users, from the endpoint `url`. */
export function encodeGetUserSettings(mailboxes: readonly Mailbox[], url: URL, version: string): string {
  const users = mailboxes.map((mailbox) => `<a:User><a:Mailbox>${escapeXml(mailbox)}</a:Mailbox></a:User>`);
  const settings = SETTINGS.map((setting) => `<a:Setting>${setting}</a:Setting>`);
  return (
    `<?xml version="1.0" encoding="utf-8"?><s:Envelope ${NAMESPACES}><s:Header>` +
    `<a:RequestedServerVersion>${version}</a:RequestedServerVersion>` +
    `<wsa:Action>${AUTODISCOVER}/Autodiscover/GetUserSettings</wsa:Action><wsa:To>${escapeXml(url.href)}</wsa:To></s:Header>` +
    `<s:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users>${users.join("")}</a:Users>` +
    `<a:RequestedSettings>${settings.join("")}</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>`
  );
}

/** GetUserSettings: one answer for each mailbox, in order. */
export const userSettingsOperation = (mailboxes: readonly Mailbox[], url: URL): Operation<readonly PlaceAnswer[]> => ({
  encode: (version) => ({
    body: encodeGetUserSettings(mailboxes, url, version),
    headers: { soapaction: `"${AUTODISCOVER}/Autodiscover/GetUserSettings"` },
  }),
  decoder: () => userSettingsDecoder(url.host, mailboxes.length),
});

function userSettingsDecoder(host: string, expected: number) {
  const body = new UserSettingsBody();
  return answerDecoder(host, body, () => {
    const { code, text, users } = body;
    if (code !== "" && code !== "NoError") throw requestError(code, text, host);
    if (users.length === expected) return users;
    throw ewsError("ews-bad-answer", `${host}: ${users.length} answers of Autodiscover to ${expected} users`);
  });
}

/** ErrorCode of the whole answer; ServerBusy is what the limiter must hear of. */
function requestError(code: string, text: string, host: string) {
  // Exchange 2010 does not know the newer request version, and says only that the request is not valid.
  const known =
    code === "ServerBusy" ? "ErrorServerBusy" : code === "InvalidRequest" ? "ErrorInvalidServerVersion" : code;
  return problemError({ code: known, text, values: new Map() }, host);
}

interface UserDraft {
  code: string;
  text: string;
  target: string;
  readonly settings: Map<string, string>;
}

class UserSettingsBody implements BodyHandler {
  /** ErrorCode and ErrorMessage of the whole answer. */
  code = "";
  text = "";
  readonly users: PlaceAnswer[] = [];
  #user: UserDraft | undefined;
  /** Errors of single settings have an ErrorCode too. */
  #isInSettingErrors = false;
  #name = "";

  open(name: string): void {
    if (name === "UserResponse") this.#user = { code: "", text: "", target: "", settings: new Map() };
    else if (name === "UserSettingErrors") this.#isInSettingErrors = true;
    else if (name === "UserSetting") this.#name = "";
  }

  close(name: string, text: string): void {
    if (name === "UserSettingErrors") this.#isInSettingErrors = false;
    else if (this.#isInSettingErrors) return;
    else if (name === "UserResponse") this.#closeUser();
    else if (name === "Name") this.#name = text.trim();
    else if (name === "Value") this.#keep(text.trim());
    else if (name === "RedirectTarget" && this.#user) this.#user.target = text.trim();
    else if (name === "ErrorCode") (this.#user ?? this).code = text.trim();
    else if (name === "ErrorMessage") (this.#user ?? this).text = text;
  }

  message(): void {
    // Autodiscover has no response messages; its errors are elements of the body.
  }

  #keep(value: string): void {
    if (SETTINGS.includes(this.#name)) this.#user?.settings.set(this.#name, value);
  }

  #closeUser(): void {
    if (this.#user) this.users.push(answerOf(this.#user));
    this.#user = undefined;
  }
}

function answerOf({ code, text, target, settings }: UserDraft): PlaceAnswer {
  if (code === "RedirectAddress") return { kind: "redirect-address", address: target };
  if (code === "RedirectUrl") return { kind: "redirect-url", url: target };
  const place = code === "NoError" || code === "" ? placeOf(settings) : undefined;
  if (place) return { kind: "place", place };
  return { kind: "unknown", why: (code === "NoError" ? "no EWS address" : `${code} ${text}`).trim().slice(0, 200) };
}
