import { formatLocalUtc } from "../../src/lib/time.ts";
import type { ChainEntry, ChainReport, TlsTerms, Trust } from "../../src/ports/trust.ts";
import { ewsError } from "./ews-errors.ts";

/** Shakes hands with the server and describes its certificate; throws GatewayError when it is not acceptable. */
export async function examineTls(url: URL, trust: Trust, terms: TlsTerms, signal: AbortSignal): Promise<string> {
  const report = await trust.examine({ host: url.hostname, port: Number(url.port || 443) }, terms, signal);
  const certificate = describe(report);
  if (report.isAcceptable) return `${report.status}: ${report.protocol}, ${certificate}${describeWarnings(report)}`;
  const problems = report.entries.flatMap(describeProblems).join("; ");
  throw ewsError("ews-tls", `${url.host}: ${report.status}: ${problems} (${certificate})`);
}

function describe({ names, matchedName, entries }: ChainReport): string {
  const [own] = entries;
  const list = names.slice(0, 20).join(", ").slice(0, 300) || "no names";
  const until = own?.notAfter === undefined ? "unknown" : formatLocalUtc(own.notAfter).slice(0, 10);
  const matched = matchedName === undefined ? "" : ` (matched: ${matchedName})`;
  return `certificate for ${list}${matched}, issued by ${own?.issuer}, valid until ${until}, SHA-256 ${own?.sha256}`;
}

const describeProblems = ({ subject, verdict, findings, sha256, issuerUrls }: ChainEntry): readonly string[] => {
  const texts = findings.map(({ text }) => text);
  if (verdict !== "missing") return texts.length > 0 ? [`${subject}: ${texts.join(", ")}`] : [];
  const where = issuerUrls.length > 0 ? ` It may be had from ${issuerUrls.join(" or ")}` : "";
  const which = sha256 === undefined ? "" : ` (SHA-256 ${sha256})`;
  return [`missing: ${[`${subject}${which}`, ...texts].join(", ")}. Install it with: certificate import.${where}`];
};

function describeWarnings({ entries }: ChainReport): string {
  const texts = entries.flatMap(({ warnings }) => warnings.map(({ text }) => text));
  return texts.length === 0 ? "" : `. Let pass by an exception: ${texts.join("; ")}`;
}
