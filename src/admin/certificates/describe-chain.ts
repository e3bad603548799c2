import { formatDay } from "../../lib/time.ts";
import type { ChainEntry, ChainReport, TlsServer } from "../../ports/trust.ts";

/** `host:port`, an IPv6 address in brackets. */
export const formatServer = ({ host, port }: TlsServer): string =>
  `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`;

/** One line an entry: Verified, Missing, or what is wrong with it (C10). */
export const describeChain = ({ entries }: ChainReport): readonly string[] => entries.map(describeEntry);

function describeEntry({ subject, sha256, notAfter, verdict, findings, warnings, issuerUrls }: ChainEntry): string {
  const texts = findings.map(({ text }) => text);
  const word = { verified: "Verified", missing: "Missing", failed: "Failed" }[verdict];
  const cause = texts.length === 0 && verdict === "failed" ? ["it rests on what is missing"] : texts;
  const where = verdict === "missing" && issuerUrls.length > 0 ? [`offered at ${issuerUrls.join(" and ")}`] : [];
  const passed = warnings.map(({ text }) => `let pass by an exception: ${text}`);
  const identity = sha256 === undefined ? "" : `, until ${notAfter ? formatDay(notAfter) : "?"}, SHA-256 ${sha256}`;
  const notes = [...cause, ...where, ...passed].map((text) => `: ${text}`).join("");
  return `${word}: ${subject}${identity}${notes}`;
}
