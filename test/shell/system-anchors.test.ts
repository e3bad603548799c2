import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { expect, it } from "vitest";
import { readSystemAnchors } from "../../src/shell/system-anchors.ts";
import { makeRoot } from "../doubles/certificate-maker.ts";

it("the system's authorities are Node's and those of NODE_EXTRA_CA_CERTS, each once, without what cannot be read", () => {
  const folder = mkdtempSync(join(tmpdir(), "anchors-"));
  const file = join(folder, "extra.pem");
  const root = makeRoot();
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  writeFileSync(file, broken + root.pem + root.pem + (rootCertificates[0] ?? "").replaceAll("\n", "\r\n"));
  const plain = readSystemAnchors({});
  const withExtra = readSystemAnchors({ NODE_EXTRA_CA_CERTS: file });
  expect(plain.length).toBeGreaterThanOrEqual(rootCertificates.length);
  expect(withExtra).toHaveLength(plain.length + 1);
  expect(withExtra.map((pem) => pem.trim())).toContain(root.pem.trim());
  expect(readSystemAnchors({ NODE_EXTRA_CA_CERTS: join(folder, "absent") })).toHaveLength(plain.length);
  rmSync(folder, { recursive: true });
});
