import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCHEMAS = fileURLToPath(new URL("../../../../shared/schema/ews", import.meta.url));

/** Why messages cannot be validated against Microsoft's schemas here; undefined when they can. */
export function whyNoSchemaCheck(): string | undefined {
  if (!existsSync(SCHEMAS)) return "the EWS schemas are not beside the repository";
  if (spawnSync("xmllint", ["--version"]).error !== undefined) return "xmllint (libxml2-utils) is not installed";
  return undefined;
}

/** What xmllint says against EWS messages, in one run because it reads a schema slowly; empty when all are valid. */
export function schemaErrors(
  messages: readonly string[],
  release: "o365" | "ex2013sp1" | "ex2010sp2" | "ex2007sp1" = "o365",
): string {
  const schema = join(SCHEMAS, release, "soap.xsd");
  const folder = mkdtempSync(join(tmpdir(), "ews-messages-"));
  try {
    const files = messages.map((message, index) => {
      const file = join(folder, `${index}.xml`);
      writeFileSync(file, message);
      return file;
    });
    const result = spawnSync("xmllint", ["--nonet", "--noout", "--schema", schema, ...files], { encoding: "utf8" });
    return result.status === 0 ? "" : result.stderr.replaceAll(/^.* validates\n/gm, "");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A streaming frame with the two namespaces in which real servers and the schema differ put as the schema has them. */
export function asSchemaWants(frame: string): string {
  return frame
    .replaceAll(/<(\/?)m:Notification>/g, "<$1t:Notification>")
    .replaceAll(/<(\/?)m:SubscriptionId>/g, "<$1t:SubscriptionId>");
}
