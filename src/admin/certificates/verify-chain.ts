import type { X509Certificate } from "node:crypto";
import { formatDay, type Instant } from "../../lib/time.ts";
import type {
  ChainEntry,
  ChainReport,
  Finding,
  FindingKind,
  TlsException,
  VerificationStatus,
} from "../../ports/trust.ts";
import { buildPath, type CertificatePool, LONGEST_CHAIN, type PathStep } from "./build-path.ts";
import { matchHost, namesOf } from "./match-host.ts";
import { factsOf } from "./parse-certificates.ts";
import { type CertificateDetails, readDetails } from "./read-der.ts";

/** What a chain is verified against. */
export interface ChainTerms {
  readonly host: string;
  readonly known: CertificatePool;
  readonly now: Instant;
  readonly exceptions: ReadonlySet<TlsException>;
  /** Issuers that were neither sent nor are known, but could be fetched. */
  readonly fetched?: readonly X509Certificate[];
}

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1"; // RFC 5280 4.2.1.12
const ANY_USAGE = "2.5.29.37.0";
const LEAST_RSA_BITS = 2048; // NIST SP 800-131A; W5
/** What the exception for weak keys still refuses: these are broken with a desktop computer. */
const LEAST_EXCEPTED_BITS = 1024;
const LEAST_CURVE_BITS = 224;

/**
 * Says what a server's chain is worth, its own certificate first. It explains and adds rules; a connection is never made
 * on its word alone, but after OpenSSL has verified the chain.
 */
export function verifyChain(sent: readonly X509Certificate[], terms: ChainTerms): Omit<ChainReport, "protocol"> {
  const [leaf] = sent;
  if (!leaf) return { isAcceptable: false, status: "Failed - Bad Certificates", names: [], entries: [] };
  const path = buildPath(leaf, [...sent, ...(terms.fetched ?? [])], terms.known, terms.now);
  const isTrusted = leadsToTrust(path, terms);
  const details = readDetails(leaf.raw);
  const match = matchHost(terms.host, details);
  const steps = path.map((step, index) => describeStep(step, { path, index, isTrusted, terms }));
  const entries = [...steps, ...absentIssuer(path)];
  return {
    isAcceptable: entries.every(({ verdict }) => verdict === "verified"),
    status: statusOf(entries, details),
    names: namesOf(details),
    ...("name" in match && { matchedName: match.name }),
    entries,
  };
}

const NAME_FINDINGS: readonly FindingKind[] = ["wrong-name", "wrong-address", "wildcard-too-deep", "common-name-only"];
/** What installing a certificate cures. */
const CURABLE: readonly FindingKind[] = ["self-signed", "untrusted-root", "missing-issuer"];

/** The chain comes before the name, as OpenSSL looks at them. */
function statusOf(entries: readonly ChainEntry[], { hasAltNames }: CertificateDetails): VerificationStatus {
  const kinds = entries.flatMap(({ findings }) => findings.map(({ kind }) => kind));
  if (kinds.some((kind) => !NAME_FINDINGS.includes(kind) && !CURABLE.includes(kind)))
    return "Failed - Bad Certificates";
  if (entries.some(({ verdict }) => verdict === "missing")) return "Failed - Certificate Missing From Chain";
  if (kinds.length === 0) return "Verified";
  return hasAltNames ? "Failed - SAN Mismatch" : "Failed - Subject CN Mismatch";
}

/** The rules that Node's verification does not have, for a chain that it has accepted: names, weak keys and hashes, usage. */
export function strictFindings(sent: readonly X509Certificate[], terms: ChainTerms): readonly Finding[] {
  const [leaf] = sent;
  if (!leaf) return [{ kind: "refused", text: "the server has shown no certificate" }];
  const path = buildPath(leaf, sent, terms.known, terms.now);
  const findings = path.flatMap((step, index) => [
    ...weaknesses(step),
    ...(index === 0 ? [...nameFindings(step, terms.host), ...usageFindings(step)] : []),
  ]);
  return findings.filter((each) => !isExcepted(each, terms.exceptions));
}

/** OpenSSL's rule: the way must end at a self-signed certificate that is known here. */
function leadsToTrust(path: readonly PathStep[], terms: ChainTerms): boolean {
  const last = path.at(-1);
  return last?.isSelfSigned === true && last.isKnown && !path.some((step) => isOnlyFetched(step, terms));
}

const isOnlyFetched = ({ certificate, isKnown }: PathStep, { fetched = [] }: ChainTerms): boolean =>
  !isKnown && fetched.some((each) => each.fingerprint256 === certificate.fingerprint256);

interface Place {
  readonly path: readonly PathStep[];
  readonly index: number;
  readonly isTrusted: boolean;
  readonly terms: ChainTerms;
}

function describeStep(step: PathStep, place: Place): ChainEntry {
  const found = findingsOf(step, place);
  const findings = found.filter((each) => !isExcepted(each, place.terms.exceptions));
  const isEnd = place.index === place.path.length - 1;
  const { subject, issuer, sha256, notAfter } = factsOf(step.certificate);
  return {
    subject,
    issuer,
    sha256,
    notAfter,
    verdict: verdictOf(step, place, findings),
    findings,
    warnings: found.filter((each) => isExcepted(each, place.terms.exceptions)),
    issuerUrls: isEnd && !step.isSelfSigned ? issuerUrls(step.certificate) : [],
    der: step.certificate.raw,
  };
}

/** Whether installing it would help, or whether it has faults of its own. */
function verdictOf(step: PathStep, { index, isTrusted }: Place, findings: readonly Finding[]): ChainEntry["verdict"] {
  const cured: readonly FindingKind[] = step.isSelfSigned ? ["self-signed", "untrusted-root", "regenerated-key"] : [];
  if (!findings.every(({ kind }) => cured.includes(kind))) return "failed";
  if (findings.length === 0 && isTrusted) return "verified";
  return index === 0 && !step.isSelfSigned ? "failed" : step.isKnown ? "verified" : "missing";
}

function findingsOf(step: PathStep, place: Place): readonly Finding[] {
  const { terms, index } = place;
  const own = index === 0 ? [...nameFindings(step, terms.host), ...usageFindings(step)] : authorityFindings(step);
  return [...validityFindings(step, terms.now), ...own, ...weaknesses(step), ...signatureFindings(step, place)];
}

function validityFindings({ certificate }: PathStep, now: Instant): readonly Finding[] {
  const { notBefore, notAfter } = factsOf(certificate);
  if (now > notAfter) {
    return [{ kind: "expired", text: `it has expired on ${formatDay(notAfter)}. It has to be renewed` }];
  }
  if (now >= notBefore) return [];
  const text = `it is not valid yet: only from ${formatDay(notBefore)}. Compare the clocks of both machines`;
  return [{ kind: "not-yet-valid", text }];
}

function nameFindings({ details }: PathStep, host: string): readonly Finding[] {
  const match = matchHost(host, details);
  if ("finding" in match) return [match.finding];
  return match.note ? [match.note] : [];
}

/** RFC 5280 4.2.1.12: without the extension every usage is allowed. */
function usageFindings({ certificate }: PathStep): readonly Finding[] {
  const usages: readonly string[] | undefined = certificate.keyUsage;
  if (!usages || usages.includes(SERVER_AUTH) || usages.includes(ANY_USAGE)) return [];
  const text = "it is not for servers (extendedKeyUsage lacks serverAuth). Get one by the template Web Server";
  return [{ kind: "wrong-usage", text }];
}

const authorityFindings = ({ certificate }: PathStep): readonly Finding[] =>
  certificate.ca
    ? []
    : [{ kind: "not-an-authority", text: "it is no certificate authority's, yet certificates were issued with it" }];

function weaknesses({ certificate, details, isSelfSigned }: PathStep): readonly Finding[] {
  // A root's signature on itself proves nothing and is not used.
  const hash = isSelfSigned && certificate.ca ? undefined : details.weakHash;
  return [...keyFindings(certificate), ...(hash === undefined ? [] : [weakHash(hash)])];
}

const weakHash = (hash: string): Finding => ({
  kind: "weak-signature",
  text: `it is signed with ${hash}, which can be forged. Get one signed with SHA-256`,
  ...(hash === "SHA-1" && { exception: "sha-1" }),
});

function keyFindings(certificate: X509Certificate): readonly Finding[] {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
    const bits = details?.modulusLength ?? LEAST_RSA_BITS;
    if (bits < LEAST_RSA_BITS) return [weakKey(`its ${type} key has ${bits} bits. At least 2048 are needed`, bits)];
    const curve = Number(/\d{3}/.exec(details?.namedCurve ?? "") ?? LEAST_CURVE_BITS);
    return curve < LEAST_CURVE_BITS ? [weakKey(`its key is on the weak curve ${details?.namedCurve}`, 0)] : [];
  } catch {
    const text = "its key is of a kind that is not supported. Get one with an RSA or ECDSA key";
    return [{ kind: "unsupported", text }];
  }
}

const weakKey = (text: string, bits: number): Finding => ({
  kind: "weak-key",
  text,
  ...(bits >= LEAST_EXCEPTED_BITS && { exception: "weak-key" }),
});

function signatureFindings(step: PathStep, { path, index, terms }: Place): readonly Finding[] {
  if (step.isSelfSigned) return step.isKnown ? [] : [untrusted(step, index, terms.known)];
  const issuer = path[index + 1];
  if (issuer) return step.isSignatureGood ? [] : [badSignature(step, issuer)];
  if (index >= LONGEST_CHAIN - 1) return [tooLong()];
  return [isSelfIssued(step.certificate) ? spoiltSignature() : missingIssuer(step)];
}

const spoiltSignature = (): Finding => ({
  kind: "bad-signature",
  text: "its signature does not fit its own key: it was changed. Get it anew",
});

const isSelfIssued = ({ subject, issuer }: X509Certificate): boolean => subject === issuer;

const tooLong = (): Finding => ({
  kind: "chain-too-long",
  text: `the chain has more than ${LONGEST_CHAIN} certificates`,
});

const missingIssuer = ({ certificate }: PathStep): Finding => ({
  kind: "missing-issuer",
  text: `the certificate of its issuer, ${formatIssuer(certificate)}, was not sent and is not known here`,
});

const formatIssuer = (certificate: X509Certificate): string => factsOf(certificate).issuer;

/** T7: a server or an authority that made a new key is told from a stranger by the old certificate of the same name. */
function untrusted({ certificate }: PathStep, index: number, known: CertificatePool): Finding {
  const [old] = known.named(certificate.subject ?? "");
  if (old) {
    const text = `its key is new: the one that is trusted here under this name has SHA-256 ${factsOf(old).sha256}. If that is right, install this one and remove the old`;
    return { kind: "regenerated-key", text };
  }
  return index === 0
    ? { kind: "self-signed", text: "it is self-signed and not trusted here" }
    : { kind: "untrusted-root", text: "this root is not trusted here" };
}

function badSignature({ details, certificate }: PathStep, issuer: PathStep): Finding {
  const isOtherKey =
    details.authorityKeyId !== undefined &&
    issuer.details.subjectKeyId !== undefined &&
    details.authorityKeyId !== issuer.details.subjectKeyId;
  const { sha256 } = factsOf(issuer.certificate);
  if (isOtherKey) {
    const text = `its issuer ${formatIssuer(certificate)} has signed it with another key than that of the certificate known here (SHA-256 ${sha256}). Install the issuer's new certificate and remove the old`;
    return { kind: "regenerated-key", text };
  }
  const text = `its signature does not fit the key of its issuer (SHA-256 ${sha256}). It was changed, or the issuer has a new key: get both anew`;
  return { kind: "bad-signature", text };
}

/** What was neither sent nor is known: only its name can be told. */
function absentIssuer(path: readonly PathStep[]): readonly ChainEntry[] {
  const last = path.at(-1);
  if (!last || last.isSelfSigned || isSelfIssued(last.certificate) || path.length >= LONGEST_CHAIN) return [];
  const subject = formatIssuer(last.certificate);
  return [
    { subject, issuer: "", verdict: "missing", findings: [], warnings: [], issuerUrls: issuerUrls(last.certificate) },
  ];
}

/** RFC 5280 4.2.2.1, `CA Issuers - URI:…`; at most five are looked at. */
const issuerUrls = ({ infoAccess }: X509Certificate): readonly string[] =>
  (infoAccess ?? "")
    .split("\n")
    .flatMap((line) => /^CA Issuers - URI:"?(http:\/\/[^"\s]+)/.exec(line)?.[1] ?? [])
    .slice(0, 5);

const isExcepted = ({ exception }: Finding, exceptions: ReadonlySet<TlsException>): boolean =>
  exception !== undefined && exceptions.has(exception);
