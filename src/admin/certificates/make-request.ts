import { generateKeyPair } from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import forge from "node-forge";

/** A new private key and the request for its certificate (PKCS#10, RFC 2986), both PEM. */
export interface MadeRequest {
  readonly key: string;
  readonly request: string;
}

const RSA_BITS = 3072; // NIST SP 800-57: beyond 2030

/** Makes an RSA key and a request for a host; the name stands in the common name (C11) and the subjectAltName. */
export async function makeRequest(host: string): Promise<MadeRequest> {
  // OpenSSL makes the key in another thread; forge alone would hold everything up for seconds.
  const { privateKey, publicKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: RSA_BITS,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.publicKeyFromPem(publicKey);
  // RFC 5280 A.1: a common name has at most 64 characters; the subjectAltName has all of it.
  request.setSubject(host.length <= 64 ? [{ name: "commonName", value: host }] : []);
  const altNames = [isIP(host) ? { type: 7, ip: host } : { type: 2, value: host }];
  const extensions = [
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true },
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectAltName", altNames },
  ];
  request.setAttributes([{ name: "extensionRequest", extensions }]);
  request.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  return { key: privateKey, request: forge.pki.certificationRequestToPem(request).replaceAll("\r", "").trim() };
}
