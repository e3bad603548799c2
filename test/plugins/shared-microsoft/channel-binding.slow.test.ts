import { execFileSync, spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { channelBindingOf } from "../../../plugins/shared-microsoft/channel-binding.ts";

const missing = spawnSync("openssl", ["version"]).status !== 0;
if (missing) console.log("channel binding skipped: install the Debian package openssl");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "channel-binding-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A self-signed certificate as OpenSSL makes it with these arguments. */
function makeCertificate(...options: readonly string[]): Buffer {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const common = ["req", "-x509", "-nodes", "-subj", "/CN=mail.example.com", "-days", "2", "-keyout", key];
  execFileSync("openssl", [...common, "-out", certificate, ...options], { stdio: "pipe" });
  return new X509Certificate(readFileSync(certificate)).raw;
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA = ["-newkey", "rsa:2048"];
const PSS = [...RSA, "-sigopt", "rsa_padding_mode:pss"];

/** Written down by hand from RFC 5929 4.1 and RFC 2744 3.11. */
function expected(certificate: Buffer, hash: string): string {
  const data = Buffer.concat([Buffer.from("tls-server-end-point:"), createHash(hash).update(certificate).digest()]);
  const length = Buffer.from([data.length, 0, 0, 0]);
  return createHash("md5")
    .update(Buffer.concat([Buffer.alloc(16), length, data]))
    .digest("hex");
}

describe.skipIf(missing)("[A1] the channel binding tls-server-end-point (RFC 5929)", () => {
  it.each([
    ["RSA with SHA-256", "sha256", [...RSA, "-sha256"]],
    ["RSA with SHA-384", "sha384", [...RSA, "-sha384"]],
    ["RSA with SHA-512", "sha512", [...RSA, "-sha512"]],
    ["RSA-PSS with SHA-384", "sha384", [...PSS, "-sha384"]],
    ["ECDSA with SHA-256", "sha256", [...EC, "-sha256"]],
    ["ECDSA with SHA-512", "sha512", [...EC, "-sha512"]],
    ["RSA with SHA-1, which counts as SHA-256,", "sha256", [...RSA, "-sha1"]],
  ])("of a certificate signed by %s uses %s", (_algorithm, hash, options) => {
    const certificate = makeCertificate(...options);
    expect(channelBindingOf(certificate)?.toString("hex")).toBe(expected(certificate, hash));
  });

  it("of a certificate signed by Ed25519 is not defined", () => {
    expect(channelBindingOf(makeCertificate("-newkey", "ed25519"))).toBeUndefined();
  });

  it("of anything else does no harm", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        channelBindingOf(Buffer.from(noise));
      }),
    );
  });
});
