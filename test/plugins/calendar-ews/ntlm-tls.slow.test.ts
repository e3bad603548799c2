import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hours, plus } from "../../../src/lib/time.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { type NtlmScenario, startNtlmScenario } from "./ntlm-scenario.ts";
import { addMailboxes, gatewayError } from "./scenario.ts";

const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };
const authority = createTlsAuthority();
const tls = authority.issue({ names: ["localhost"] });

let folder: string;
let ca: string;
let scenario: NtlmScenario | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ews-ntlm-"));
  ca = join(folder, "ca.pem");
  writeFileSync(ca, authority.caPem);
});
afterEach(async () => {
  await scenario?.end();
  scenario = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("[A1] NTLM over TLS, where Extended Protection is required,", () => {
  it("is bound to the certificate of the server on every connection", async () => {
    scenario = await startNtlmScenario({ certificate: tls.cert }, { exchange: { tls }, options: { ca } });
    const { source, exchange, logins, signal } = scenario;
    const mailboxes = addMailboxes(exchange, 3);
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 8 }, () => source.fetchBusyTime(mailboxes, WINDOW, signal)));
    }
    expect(logins.accepted).toBeGreaterThan(1);
    expect(logins.refused).toEqual([]);
    const steps = [];
    for await (const { detail } of source.test?.({ mailbox: mailboxes[0] }, signal) ?? []) steps.push(detail);
    expect(steps).toContain("EXAMPLE\\svc may use EWS (NTLMv2, bound to the TLS channel)");
  });

  it("is refused behind a proxy with a certificate of its own, and the error names that reason", async () => {
    const proxy = authority.issue({ names: ["localhost"] });
    scenario = await startNtlmScenario({ certificate: tls.cert }, { exchange: { tls: proxy }, options: { ca } });
    const mailboxes = addMailboxes(scenario.exchange, 1);
    const error = await gatewayError(scenario.source.fetchBusyTime(mailboxes, WINDOW, scenario.signal));
    expect(scenario.logins.refused).toEqual(["channel binding"]);
    expect(error).toMatchObject({ code: "ews-unauthorized", message: expect.stringContaining("Extended Protection") });
  });
});
