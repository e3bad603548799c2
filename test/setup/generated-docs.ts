import { z } from "zod";
import { EWS_ERROR_CODES } from "../../plugins/calendar-ews/ews-error-codes.ts";
import { GRAPH_ERROR_CODES } from "../../plugins/calendar-graph/graph-errors.ts";
import { GRAPH_WATCH_ERROR_CODES } from "../../plugins/calendar-graph/notifications/subscription-problems.ts";
import { WEBDAV_ERROR_CODES } from "../../plugins/calendar-webdav/webdav-errors.ts";
import { CLIENTS_SIP_ERROR_CODES } from "../../plugins/clients-sip/clients-sip-errors.ts";
import { CLIENTS_ERROR_CODES } from "../../plugins/clients-xmpp/clients-errors.ts";
import { LDAP_ERROR_CODES } from "../../plugins/directory-ldap/ldap-errors.ts";
import { PUBLISH_SIP_ERROR_CODES } from "../../plugins/publish-sip/publish-errors.ts";
import { CONTACT_ERROR_CODES } from "../../plugins/publish-xmpp-contact/contact-errors.ts";
import { OVERLAY_ERROR_CODES } from "../../plugins/publish-xmpp-overlay/overlay-errors.ts";
import { PEP_ERROR_CODES } from "../../plugins/publish-xmpp-pep/pep-errors.ts";
import { ENTRA_ERROR_CODES } from "../../plugins/shared-microsoft/entra-errors.ts";
import { SIP_ERROR_CODES } from "../../plugins/shared-sip/sip-errors.ts";
import { CERTIFICATE_ERROR_CODES } from "../../src/admin/certificates/certificate-errors.ts";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { COMMAND_ERROR_CODES } from "../../src/admin/command-errors.ts";
import { composeCommandsPage } from "../../src/admin/generate-docs.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { DIRECTORY_ERROR_CODES } from "../../src/engine/directories/held-removals.ts";
import { PARAMETERS, type ParameterDefinition } from "../../src/ports/parameters.ts";
import { CONFIG_SCHEMA } from "../../src/shell/config-schema.ts";
import { GATEWAY_ERROR_CODES } from "../../src/shell/gateway-errors.ts";
import { calendarTypes } from "../../src/shell/plugin-catalog.ts";
import { STORE_ERRORS } from "../../src/store/store-errors.ts";
import { XMPP_ERROR_CODES } from "../../src/xmpp/xmpp-errors.ts";
import { composeKamailioTexts } from "./kamailio-texts.ts";

const GENERATED = "This page is generated from the code (`npm run docs`).";

interface ErrorEntry {
  readonly type?: string;
  readonly meaning: string;
  readonly action?: string;
  readonly remedy?: string;
}

/** Every error code with where it belongs. */
export const ERROR_TABLES: Readonly<Record<string, Readonly<Record<string, ErrorEntry>>>> = {
  "The program": GATEWAY_ERROR_CODES,
  Store: STORE_ERRORS,
  "XMPP connection": XMPP_ERROR_CODES,
  "Hearing clients (XMPP)": CLIENTS_ERROR_CODES,
  "Publishing activities (PEP)": PEP_ERROR_CODES,
  "Publishing show and status (server module)": OVERLAY_ERROR_CODES,
  "Contact JIDs": CONTACT_ERROR_CODES,
  "SIP connection": SIP_ERROR_CODES,
  "Publishing by SIP": PUBLISH_SIP_ERROR_CODES,
  "Hearing phones (SIP)": CLIENTS_SIP_ERROR_CODES,
  "Exchange (EWS)": EWS_ERROR_CODES,
  "Exchange 2003 and 2007 (WebDAV)": WEBDAV_ERROR_CODES,
  "Office 365 (Microsoft Graph)": { ...GRAPH_ERROR_CODES, ...GRAPH_WATCH_ERROR_CODES },
  "Tokens (Microsoft Entra ID)": ENTRA_ERROR_CODES,
  "Directories (LDAP)": { ...DIRECTORY_ERROR_CODES, ...LDAP_ERROR_CODES },
  Certificates: CERTIFICATE_ERROR_CODES,
  Commands: COMMAND_ERROR_CODES,
};

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [row(head), `|${"---|".repeat(head.length)}`, ...rows.map(row), ""];
}

function composeErrorsPage(): string {
  const sections = Object.entries(ERROR_TABLES).flatMap(([title, codes]) => [
    `## ${title}`,
    "",
    ...table(
      ["Code", "Type", "Meaning", "What to do"],
      Object.entries(codes).map(([code, { type, meaning, action, remedy }]) => [
        `\`${code}\``,
        type ?? "",
        meaning,
        action ?? remedy ?? "",
      ]),
    ),
  ]);
  return [
    "# Error codes",
    "",
    GENERATED,
    "",
    "The type says what helps (RFC 6120 8.3.2): `wait` try later, `auth` mend credentials or rights, `modify` mend the",
    "request or the configuration, `cancel` nothing by trying again.",
    "",
    ...sections,
  ].join("\n");
}

const unwrap = (schema: unknown): unknown =>
  schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional
    ? unwrap(schema.unwrap())
    : schema instanceof z.ZodRecord
      ? schema.valueType
      : schema;

/** Sections of one kind, each with a name. */
const hasNames = (schema: unknown): boolean =>
  schema instanceof z.ZodPrefault && schema.unwrap() instanceof z.ZodRecord;

const defaultOf = (schema: unknown): string => {
  if (schema instanceof z.ZodDefault) return `\`${JSON.stringify(schema.def.defaultValue)}\``;
  return schema instanceof z.ZodOptional ? "" : "required";
};

const descriptionOf = (schema: unknown): string => (schema instanceof z.ZodType ? (schema.description ?? "") : "");

const shapeRows = (shape: Readonly<Record<string, unknown>>): readonly (readonly string[])[] =>
  Object.entries(shape).map(([key, schema]) => [`\`${key}\``, defaultOf(schema), descriptionOf(schema)]);

function rangeOf(each: ParameterDefinition): string {
  if (each.kind === "integer") return `${each.min} to ${each.max} ${each.unit}`;
  return each.kind === "choice" ? each.choices.join(", ") : "a time zone such as Europe/Berlin";
}

function composeConfigurationPage(): string {
  const sections = Object.entries(CONFIG_SCHEMA.shape).flatMap(([name, schema]) => {
    const inner = unwrap(schema);
    const shape = inner instanceof z.ZodObject ? inner.shape : {};
    return [
      `### [${name}${hasNames(schema) ? ".<name>" : ""}]`,
      "",
      descriptionOf(schema),
      "",
      ...table(["Setting", "Default", "Meaning"], shapeRows(shape)),
    ];
  });
  const parameters = Object.entries<ParameterDefinition>(PARAMETERS).map(([name, each]) => [
    `\`${name}\``,
    String(each.default),
    rangeOf(each),
    each.text,
  ]);
  const types = calendarTypes.flatMap(({ name, summary, options, secrets }) => [
    `### type=${name}`,
    "",
    `${summary}. Secret: ${secrets.map((secret) => `\`${secret}\``).join(", ")}.`,
    "",
    ...table(["Option", "Default", "Meaning"], shapeRows(options.shape)),
  ]);
  return [
    "# Configuration",
    "",
    GENERATED,
    "",
    "## The configuration file",
    "",
    'TOML, read at start. A secret is a string, `{ file = "…" }` or `{ env = "…" }`. Relative paths start at the file.',
    "",
    "```toml",
    "[xmpp]",
    'service   = "xmpp://127.0.0.1:5347"',
    'component = "calendar.example.com"',
    'secret    = { file = "/etc/presence-gateway/component-secret" }',
    'domains   = ["example.com"]',
    'admins    = ["carol@example.com"]',
    "",
    "[store]",
    'path = "/var/lib/presence-gateway/gateway.db"',
    "```",
    "",
    ...sections,
    "## Service parameters",
    "",
    "Changed while the gateway runs: `parameter set <name> <value>`.",
    "",
    ...table(["Parameter", "Default", "Range", "Meaning"], parameters),
    "## Calendar servers",
    "",
    "Added while the gateway runs: `gateway add <name> type=… <option>=…`. Guides: [EXCHANGE.md](EXCHANGE.md), [OFFICE365.md](OFFICE365.md).",
    "",
    ...types,
  ].join("\n");
}

/** The server module knows the reserved texts itself, so that its guard works while the gateway is down. */
const composeReservedTexts = (): string =>
  [
    "-- Texts that only the gateway may show, in every language it speaks. Generated from the code (npm run docs).",
    "return {",
    ...Object.values(TEXT_CATALOGUE).map((texts) => `\t${JSON.stringify(texts["in-a-meeting"])},`),
    "};",
    "",
  ].join("\n");

/** The same for ejabberd's module. */
const composeReservedTextsForErlang = (): string =>
  [
    "%% Texts that only the gateway may show, in every language it speaks. Generated from the code (npm run docs).",
    "-define(RESERVED_TEXTS, [",
    Object.values(TEXT_CATALOGUE)
      .map((texts) => `    <<${JSON.stringify(texts["in-a-meeting"])}/utf8>>`)
      .join(",\n"),
    "]).",
    "",
  ].join("\n");

/** Every generated page by its path from the repository's root. */
export const composePages = (): Readonly<Record<string, string>> => ({
  "docs/COMMANDS.md": composeCommandsPage(COMMANDS, calendarTypes),
  "docs/ERRORS.md": composeErrorsPage(),
  "plugins/server-prosody/mod_presence_gateway/reserved_texts.lib.lua": composeReservedTexts(),
  "plugins/server-ejabberd/mod_presence_gateway/src/reserved_texts.hrl": composeReservedTextsForErlang(),
  "plugins/server-kamailio/presence-gateway-texts.cfg": composeKamailioTexts(),
  "docs/CONFIGURATION.md": composeConfigurationPage(),
});
