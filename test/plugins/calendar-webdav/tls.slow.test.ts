import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestStep } from "../../../src/ports/calendar-source.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { gatewayError } from "../calendar-ews/scenario.ts";
import { ALICE, DAY, type Scenario, startScenario } from "./scenario.ts";

const authority = createTlsAuthority("Example Private CA");
let folder: string;
let ca: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "webdav-tls-"));
  ca = join(folder, "ca.pem");
  writeFileSync(ca, authority.caPem);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The TLS step of the server's test. */
const tlsStep = async ({ source, signal }: Scenario): Promise<TestStep | undefined> => {
  for await (const step of source.test?.({}, signal) ?? []) if (step.step === "TLS") return step;
  return undefined;
};

describe("a webdav server with TLS", () => {
  it("is read when its private CA is named, and the test tells the certificate", async () => {
    const given = await startScenario({ server: { tls: authority.issue({ names: ["localhost"] }) }, options: { ca } });
    const results = await given.source.fetchBusyTime([ALICE], DAY, given.signal);
    expect(results).toEqual([{ mailbox: ALICE, intervals: [] }]);
    const step = await tlsStep(given);
    expect(step).toMatchObject({
      ok: true,
      detail: expect.stringMatching(
        /^Exchange SSL Connection\/Certificate Verification - Verified: .*certificate for localhost/,
      ),
    });
    await given.end();
  });

  it.each([
    ["whose CA is not known", ["localhost"], false, "Certificate Missing From Chain"],
    ["whose certificate is for another name", ["mail.example.com"], true, "SAN Mismatch"],
  ])("%s is not given the password", async (_, names, isKnown, words) => {
    const tls = authority.issue({ names });
    const given = await startScenario({ server: { tls }, options: isKnown ? { ca } : {} });
    const error = await gatewayError(given.source.fetchBusyTime([ALICE], DAY, given.signal));
    expect(error.code).toBe("webdav-tls");
    expect(await tlsStep(given)).toMatchObject({
      ok: false,
      detail: expect.stringContaining(`Verification Failed - ${words}: `),
    });
    expect(given.server.requests).toEqual([]);
    await given.end();
  });
});
