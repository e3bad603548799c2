import { formatDay } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { ChainEntry, ChainReport, TlsServer, TlsTerms, Trust } from "../../src/ports/trust.ts";
import { connectionProblem } from "./connection-problems.ts";

// T3 to T9: the words that administrators know from the guides.
const STATUS = "Exchange SSL Connection/Certificate Verification";

/** How a certificate is judged. */
export interface ExaminationTerms {
  readonly trust: Trust;
  readonly terms: TlsTerms;
  /** The error for a certificate that is not acceptable. */
  readonly refuse: (text: string) => GatewayError;
}

/** Shakes hands with the server and describes its certificate; throws what `refuse` makes when it is not acceptable. */
export async function examineTls(
  server: TlsServer,
  { trust, terms, refuse }: ExaminationTerms,
  signal: AbortSignal,
): Promise<string> {
  const report = await trust.examine(server, terms, signal);
  const status = report.status === "Verified" ? `${STATUS} - Verified` : `${STATUS} ${report.status}`;
  const certificate = describe(report);
  if (report.isAcceptable) return `${status}: ${report.protocol}, ${certificate}${describeWarnings(report)}`;
  const problems = report.entries.flatMap(describeProblems).join("; ");
  throw refuse(`${status}: ${problems} (${certificate})`);
}

/** Of a handshake that did not come to certificates: the network's fault (T8), or one that has no name (T9). */
export function tlsStatus({ message, cause }: GatewayError): string | undefined {
  if (message.startsWith(STATUS)) return undefined;
  const isOtherProtocol = cause instanceof Error && "code" in cause && cause.code === "ERR_SSL_WRONG_VERSION_NUMBER";
  if (isOtherProtocol) return `${STATUS} Failed - Network Error: what answers does not speak TLS; is the port right`;
  return connectionProblem(cause).kind === "tls" ? `${STATUS} Failed` : `${STATUS} Failed - Network Error`;
}

function describe({ names, matchedName, entries }: ChainReport): string {
  const [own] = entries;
  const list = names.slice(0, 20).join(", ").slice(0, 300) || "no names";
  const until = own?.notAfter === undefined ? "unknown" : formatDay(own.notAfter);
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
