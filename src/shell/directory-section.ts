import { z } from "zod";
import directoryLdap from "../../plugins/directory-ldap/index.ts";
import { gatewayNameArgument, nameSchema } from "../admin/argument-schemas.ts";
import type { DirectorySettings } from "../engine/directories/directory-sync.ts";
import { parseLanguageTag } from "../lib/language-tag.ts";
import { hours, minutes } from "../lib/time.ts";
import { SECRET_SCHEMA, type SecretSource } from "./secret-schema.ts";

const { groups: _groups, ...ldapOptions } = directoryLdap.options.shape;

const template = z.strictObject({
  group: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe("Distinguished name of the group whose members it is for; absent: everybody below `base`."),
  enabled: z.boolean().default(true).describe("Whether the members are users of the gateway."),
  gateway: gatewayNameArgument.optional().describe("Their calendar server, or pool; absent: the only one there is."),
  locale: z
    .string()
    .refine((text) => parseLanguageTag(text) !== undefined, "must be a language tag such as de-AT")
    .optional()
    .describe("Their language; absent: `language` of each, else that of the mailbox."),
});

/** A section [directory.<name>]: the options of the plugin, its templates, and how it is kept in step. */
const DIRECTORY_SECTION = z.strictObject({
  ...ldapOptions,
  password: SECRET_SCHEMA.optional().describe("The password of `bind-dn`."),
  "every-minutes": z.number().int().min(1).max(10_080).default(60).describe("Minutes between two synchronisations."),
  "full-every-hours": z
    .number()
    .int()
    .min(1)
    .max(720)
    .default(24)
    .describe("After so many hours everybody is read, not only who has changed."),
  "most-removed-percent": z
    .number()
    .int()
    .min(0)
    .max(100)
    .default(10)
    .describe(
      "A synchronisation that would remove more than this part of the directory's users (and more than 5) changes nothing and asks.",
    ),
  "takes-over": z
    .boolean()
    .default(false)
    .describe(
      "Users who were made by hand and stand in the directory are the directory's from then on, with what administrators have set.",
    ),
  template: z
    .array(template)
    .min(1)
    .max(100)
    .default([{ enabled: true }])
    .describe(
      "What people get, `[[directory.<name>.template]]` with `group`, `enabled`, `gateway`, `locale`; the first that is for somebody counts. Default: everybody is enabled.",
    ),
});

/** The sections by name. */
export const DIRECTORY_SECTIONS = z.record(nameSchema, DIRECTORY_SECTION);

/** A section as read. */
export type DirectorySection = z.infer<typeof DIRECTORY_SECTION>;

/** A directory whose plugin can be made. */
export interface LoadedDirectory {
  readonly settings: DirectorySettings;
  /** Checked by the plugin's schema. */
  readonly options: z.infer<typeof directoryLdap.options>;
}

/** What finding a secret and resolving a path need; problems are told by `report`. */
export interface SectionSurroundings {
  readonly findSecret: (name: string, source: SecretSource | undefined) => string | undefined;
  readonly absolute: (path: string) => string;
  readonly report: (problem: string) => void;
}

/** Puts the secrets in and lets the plugin check its options; what is wrong is reported by its path. */
export const loadDirectories = (
  sections: Readonly<Record<string, DirectorySection>>,
  surroundings: SectionSurroundings,
): readonly LoadedDirectory[] =>
  Object.entries(sections).flatMap(([name, section]) => loadDirectory(name, section, surroundings) ?? []);

function loadDirectory(
  name: string,
  section: DirectorySection,
  { findSecret, absolute, report }: SectionSurroundings,
): LoadedDirectory | undefined {
  const { password: source, ca, template: templates, ...rest } = section;
  const { "every-minutes": every, "full-every-hours": fullEvery, "most-removed-percent": percent, ...others } = rest;
  const { "takes-over": takesOver, ...plain } = others;
  const password = findSecret(`directory.${name}.password`, source);
  const options = directoryLdap.options.safeParse({
    ...plain,
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca: absolute(ca) }),
    groups: templates.map(({ group = "" }) => group),
  });
  if (!options.success) {
    for (const { path, message } of options.error.issues) report(`directory.${name}.${path.join(".")}: ${message}`);
    return undefined;
  }
  const settings: DirectorySettings = {
    name,
    templates: templates.map(({ enabled, gateway, locale }) => ({
      isEnabled: enabled,
      ...(gateway !== undefined && { gateway }),
      ...(locale !== undefined && { locale: parseLanguageTag(locale) ?? locale }),
    })),
    interval: minutes(every),
    fullInterval: hours(fullEvery),
    mostRemovedPercent: percent,
    takesOver,
  };
  return { settings, options: options.data };
}
