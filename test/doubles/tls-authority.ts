import { generateKeyPairSync, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";

const DAY = 86_400_000;

/** What a certificate says; without dates it is valid from yesterday for 30 days. */
export interface CertificateRequest {
  /** Host names and IP addresses; the first is the common name too. */
  readonly names: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** False: the first name stands in the common name only. */
  readonly hasAltNames?: boolean;
}

/** A certificate and its private key, both PEM. */
export interface IssuedCertificate {
  readonly key: string;
  readonly cert: string;
}

/** A private certificate authority that lives in memory only. */
export interface TlsAuthority {
  /** The authority's own certificate, for the client's trust store. */
  readonly caPem: string;
  issue(request: CertificateRequest): IssuedCertificate;
}

interface KeyPair {
  readonly publicKey: forge.pki.rsa.PublicKey;
  readonly privateKey: forge.pki.rsa.PrivateKey;
  readonly privatePem: string;
}

/** Makes an authority with a new RSA 2048 key; its servers share a second one, and all is signed with SHA-256. */
export function createTlsAuthority(commonName = "Presence Gateway Test Authority"): TlsAuthority {
  const pair = createKeyPair();
  const subject = [{ name: "commonName", value: commonName }];
  const ca = createCertificate(pair, subject, subject, { names: [] });
  ca.setExtensions([
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    { name: "subjectKeyIdentifier" },
  ]);
  ca.sign(pair.privateKey, forge.md.sha256.create());
  const serverPair = createKeyPair();
  return {
    caPem: forge.pki.certificateToPem(ca),
    issue(request) {
      const certificate = createServerCertificate(request, ca, serverPair);
      certificate.sign(pair.privateKey, forge.md.sha256.create());
      return { key: serverPair.privatePem, cert: forge.pki.certificateToPem(certificate) };
    },
  };
}

function createServerCertificate(
  request: CertificateRequest,
  ca: forge.pki.Certificate,
  pair: KeyPair,
): forge.pki.Certificate {
  const subject = [{ name: "commonName", value: request.names[0] ?? "nobody" }];
  const certificate = createCertificate(pair, subject, ca.subject.attributes, request);
  // GeneralName of RFC 5280 §4.2.1.6: 2 is a DNS name, 7 an IP address.
  const altNames = request.names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name }));
  certificate.setExtensions([
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
    { name: "extKeyUsage", serverAuth: true },
    ...(request.hasAltNames === false ? [] : [{ name: "subjectAltName", altNames }]),
    { name: "authorityKeyIdentifier", keyIdentifier: ca.generateSubjectKeyIdentifier().getBytes() },
  ]);
  return certificate;
}

function createCertificate(
  pair: KeyPair,
  subject: forge.pki.CertificateField[],
  issuer: forge.pki.CertificateField[],
  { notBefore, notAfter }: CertificateRequest,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = pair.publicKey;
  // RFC 5280 §4.1.2.2: a positive number; the leading 01 keeps the sign bit clear.
  certificate.serialNumber = `01${randomBytes(15).toString("hex")}`;
  certificate.validity.notBefore = notBefore ?? new Date(Date.now() - DAY);
  certificate.validity.notAfter = notAfter ?? new Date(Date.now() + 30 * DAY);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  return certificate;
}

// OpenSSL makes the key in a tenth of a second; forge alone would take several.
function createKeyPair(): KeyPair {
  const { privateKey: privatePem, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  return {
    publicKey: forge.pki.publicKeyFromPem(publicKey),
    privateKey: forge.pki.privateKeyFromPem(privatePem),
    privatePem,
  };
}
