import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";

/** Where systems keep the certificate authorities that their administrators trust: Debian, Red Hat, Alpine. */
const BUNDLES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/** The PEM texts of Node's own authorities, the system's, and those of NODE_EXTRA_CA_CERTS, each once. */
export function readSystemAnchors(environment: NodeJS.ProcessEnv): readonly string[] {
  const bundle = BUNDLES.find((path) => existsSync(path));
  const extra = environment["NODE_EXTRA_CA_CERTS"];
  const files = [bundle, extra].filter((path) => path !== undefined && path !== "" && existsSync(path));
  const found = files.flatMap((path) => (path === undefined ? [] : readBlocks(readFileSync(path, "latin1"))));
  const all = new Map(rootCertificates.map((pem) => [plain(pem), pem]));
  // Most are Node's own too: those need no second look, which for all would take a tenth of a second.
  for (const pem of found) if (!all.has(plain(pem)) && isReadable(pem)) all.set(plain(pem), pem);
  return [...all.values()];
}

/** Files break their lines elsewhere. */
const plain = (pem: string): string => pem.replace(/\s+/g, "");

const readBlocks = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];

/** One that cannot be read must not take the others along. */
function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
