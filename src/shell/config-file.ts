import { readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { nearest } from "../lib/nearest.ts";
import { GatewayError } from "../ports/errors.ts";
import { CONFIG_SCHEMA, type Config } from "./config-schema.ts";
import { controlPath } from "./control-socket.ts";
import { type LoadedDirectory, loadDirectories } from "./directory-section.ts";
import { SECRET_SCHEMA, type SecretSource } from "./secret-schema.ts";
import { type LoadedSip, loadSip } from "./sip-section.ts";

/** Bytes of the path of a Unix socket (unix(7): 108 with the end). */
const LONGEST_SOCKET_PATH = 107;
const LARGEST_FILE = 1_048_576; // bytes

/** The configuration with its secrets found and its paths made absolute. */
export interface LoadedConfig extends Omit<Config, "sip" | "directory"> {
  readonly componentSecret: string;
  readonly storeKey: string | undefined;
  readonly storePath: string;
  readonly secretsDirectory: string | undefined;
  readonly sip: LoadedSip | undefined;
  readonly directories: readonly LoadedDirectory[];
}

/**
 * Reads the TOML file. Throws one GatewayError `config-invalid` that names every problem by its path, or
 * `config-unreadable`.
 */
export function loadConfig(path: string, environment: NodeJS.ProcessEnv): LoadedConfig {
  const raw = parseToml(readText(path), path);
  const parsed = CONFIG_SCHEMA.safeParse(raw);
  const problems = parsed.success ? [] : parsed.error.issues.flatMap(describeIssue);
  const find = (name: string, source: SecretSource | undefined): string | undefined => {
    const found = source === undefined ? undefined : findSecret(source, path, environment);
    if (found && "problem" in found) problems.push(`${name}: ${found.problem}`);
    return found && "value" in found ? found.value : undefined;
  };
  // Looked up even when the rest is wrong, so that every problem is told at once.
  const componentSecret = find("xmpp.secret", secretAt(raw, "xmpp", "secret")) ?? "";
  const storeKey = find("store.key", secretAt(raw, "store", "key"));
  const sipSecret = find("sip.secret", secretAt(raw, "sip", "secret"));
  const absolute = (file: string): string => fromConfig(path, file);
  const report = (problem: string): void => void problems.push(problem);
  const directories = loadDirectories(parsed.data?.directory ?? {}, { findSecret: find, absolute, report });
  const storePath = fromConfig(path, parsed.data?.store.path ?? "");
  const excess = Buffer.byteLength(controlPath(storePath)) - LONGEST_SOCKET_PATH;
  if (excess > 0)
    problems.push(`store.path: ${storePath} is ${excess} bytes too long: the control socket lies beside it`);
  if (!parsed.success || problems.length > 0) throw invalid(path, problems);
  const { directory: _, ...config } = parsed.data;
  const secrets = config.store["secrets-directory"];
  const { certificate, key } = config.notifications;
  return {
    ...config,
    notifications: {
      ...config.notifications,
      ...(certificate !== undefined && { certificate: fromConfig(path, certificate) }),
      ...(key !== undefined && { key: fromConfig(path, key) }),
    },
    componentSecret,
    storeKey,
    storePath,
    secretsDirectory: secrets === undefined ? undefined : absolute(secrets),
    sip: config.sip && loadSip(config.sip, sipSecret, absolute),
    directories,
  };
}

function secretAt(raw: unknown, section: string, key: string): SecretSource | undefined {
  const found = z.object({ [section]: z.object({ [key]: SECRET_SCHEMA }) }).safeParse(raw);
  return found.success ? found.data[section]?.[key] : undefined;
}

const fromConfig = (configPath: string, path: string): string =>
  isAbsolute(path) ? path : resolve(dirname(configPath), path);

const invalid = (path: string, problems: readonly string[]): GatewayError =>
  new GatewayError([`${path} is not valid:`, ...problems.map((problem) => `  ${problem}`)].join("\n"), {
    type: "modify",
    code: "config-invalid",
  });

function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > LARGEST_FILE) throw new Error(`it is larger than ${LARGEST_FILE} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new GatewayError(`cannot read the configuration file ${path}: ${reason}`, {
      type: "modify",
      code: "config-unreadable",
      cause: error,
    });
  }
}

function parseToml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const place = error instanceof TomlError ? ` at line ${error.line}, column ${error.column}${reasonOf(error)}` : "";
    throw new GatewayError(`${path} is not TOML: syntax error${place}`, { type: "modify", code: "config-invalid" });
  }
}

/** The reason, when it is in plain words; below it the library quotes the line, which may hold a secret. */
function reasonOf({ message }: TomlError): string {
  const [, reason] = /^Invalid TOML document: ([a-z][a-z ,:-]+)\n/.exec(message) ?? [];
  return reason === undefined ? "" : `: ${reason}`;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const known = nearest(key, keysAt(issue.path));
      return `${[...issue.path, key].join(".")}: no such setting${known ? `; did you mean ${known}?` : ""}`;
    });
  }
  if (issue.code === "invalid_union") return [`${path}: must be a string, { file = "…" } or { env = "…" }`];
  if (issue.code === "invalid_type" && issue.input === undefined && /undefined/.test(issue.message)) {
    return [`${path}: is missing`];
  }
  if (issue.code === "invalid_type") return [`${path || "(file)"}: must be of type ${issue.expected}`];
  if (issue.code === "too_small") return [`${path}: ${describeBound(issue.origin, "least", issue.minimum)}`];
  if (issue.code === "too_big") return [`${path}: ${describeBound(issue.origin, "most", issue.maximum)}`];
  if (issue.code === "invalid_value") return [`${path}: must be one of: ${issue.values.join(", ")}`];
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => `${path}: ${message}`);
  return [`${path || "(file)"}: ${issue.message}`];
}

function describeBound(origin: string, end: "least" | "most", bound: number | bigint): string {
  if (origin === "number" || origin === "int") return `must be at ${end} ${bound}`;
  if (end === "least") return "must not be empty";
  return `must have at most ${bound} ${origin === "array" ? "entries" : "characters"}`;
}

/** The settings of the section at a path of the schema. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let schema: unknown = CONFIG_SCHEMA;
  for (const key of path) schema = sectionOf(schema)?.[String(key)];
  return Object.keys(sectionOf(schema) ?? {});
}

function sectionOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape;
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    return sectionOf(schema.unwrap());
  return undefined;
}

function findSecret(
  source: SecretSource,
  configPath: string,
  environment: NodeJS.ProcessEnv,
): { readonly value: string } | { readonly problem: string } {
  if (typeof source === "string") return { value: source };
  if ("env" in source) {
    const value = environment[source.env];
    return value ? { value } : { problem: `the environment variable ${source.env} is not set` };
  }
  const file = fromConfig(configPath, source.file);
  try {
    const value = readFileSync(file, "utf8").split(/\r?\n/, 1)[0] ?? "";
    return value === "" ? { problem: `${file} is empty` } : { value };
  } catch (error) {
    return { problem: `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}` };
  }
}
