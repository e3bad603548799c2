import { toGatewayError } from "../../ports/errors.ts";
import type { FindingKind } from "../../ports/trust.ts";
import type { CommandContext } from "../command.ts";
import { examineServer } from "./examine-server.ts";

/**
 * What an administrator should know when a calendar server is saved: whether its URL's host stands in the certificate
 * (G3: saving is allowed, both values are shown), and which exceptions are made. Never throws for a server's faults.
 */
export async function certificateWarnings(
  context: CommandContext,
  options: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const exceptions = options["tls-exceptions"];
  const lenience =
    exceptions === undefined
      ? []
      : [`Of this server's certificates something weak is let pass (${exceptions}). Better have them renewed.`];
  return [...lenience, ...(await compareNames(context, options["url"] ?? "", signal))];
}

async function compareNames(context: CommandContext, text: string, signal: AbortSignal): Promise<readonly string[]> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:") return [];
  try {
    const server = { host: url.hostname, port: Number(url.port || 443) };
    const report = await examineServer(context, server, { exceptions: new Set() }, signal);
    const findings = report.entries.flatMap((entry) => entry.findings);
    return findings
      .filter(({ kind }) => isAboutNames(kind))
      .map((finding) => `The certificate does not fit: ${finding.text}.`);
  } catch (error) {
    signal.throwIfAborted();
    return [`The server's certificate could not be compared with the URL: ${toGatewayError(error).message}.`];
  }
}

const isAboutNames = (kind: FindingKind): boolean =>
  ["wrong-name", "wrong-address", "wildcard-too-deep", "common-name-only"].includes(kind);
