import type { MailboxSettings } from "@microsoft/microsoft-graph-types";
import type { CloudMailbox } from "./cloud-mailbox.ts";
import { refuseMailbox } from "./get-schedule.ts";
import { type GraphRoute, graphError } from "./wire.ts";

const PROPERTIES: readonly (keyof MailboxSettings)[] = [
  "automaticRepliesSetting",
  "dateFormat",
  "language",
  "timeFormat",
  "timeZone",
  "userPurpose",
  "workingHours",
];

/** `GET /users/{id}/mailboxSettings`, with `$select`. */
export const mailboxSettingsRoute = (findMailbox: (smtp: string) => CloudMailbox | undefined): GraphRoute => ({
  name: "mailboxSettings",
  method: "GET",
  path: /^\/users\/([^/]+)\/mailboxSettings$/,
  roles: ["MailboxSettings.Read", "MailboxSettings.ReadWrite"],
  answer: ({ parts: [user = ""], request }) => {
    const mailbox = findMailbox(user);
    const refusal = refuseMailbox(mailbox);
    if (refusal || !mailbox) return refusal ?? graphError(404, "ErrorInvalidUser");
    const wanted: readonly string[] = request.url.searchParams.get("$select")?.split(",") ?? PROPERTIES;
    const unknown = wanted.find((name) => !PROPERTIES.some((each) => each === name));
    if (unknown !== undefined) return graphError(400, "RequestBroker--ParseUri", `Could not find ${unknown}.`);
    const selected = Object.entries(mailbox.settings).filter(([name]) => wanted.includes(name));
    return { status: 200, body: { "@odata.context": "$metadata#mailboxSettings", ...Object.fromEntries(selected) } };
  },
});
