import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SCHEMA = fileURLToPath(new URL("../../../../shared/schema/ews/o365/soap.xsd", import.meta.url));

/** Why messages cannot be validated against Microsoft's schemas here; undefined when they can. */
export function whyNoSchemaCheck(): string | undefined {
  if (!existsSync(SCHEMA)) return "the EWS schemas are not beside the repository";
  if (spawnSync("xmllint", ["--version"]).error !== undefined) return "xmllint (libxml2-utils) is not installed";
  return undefined;
}

/** What xmllint says against an EWS message; empty when it is valid. */
export function schemaErrors(message: string): string {
  const result = spawnSync("xmllint", ["--nonet", "--noout", "--schema", SCHEMA, "-"], {
    input: message,
    encoding: "utf8",
  });
  return result.status === 0 ? "" : result.stderr;
}

/** A streaming frame with the two namespaces in which real servers and the schema differ put as the schema has them. */
export function asSchemaWants(frame: string): string {
  return frame
    .replaceAll(/<(\/?)m:Notification>/g, "<$1t:Notification>")
    .replaceAll(/<(\/?)m:SubscriptionId>/g, "<$1t:SubscriptionId>");
}
