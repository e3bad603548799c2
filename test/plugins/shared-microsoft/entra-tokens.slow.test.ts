import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { WebError } from "../../../plugins/shared-http/web-client.ts";
import { readCertificateCredential } from "../../../plugins/shared-microsoft/certificate-credential.ts";
import {
  type ApplicationCredential,
  type EntraOptions,
  EntraTokenSource,
} from "../../../plugins/shared-microsoft/entra-token-source.ts";
import { hours, minutes, seconds } from "../../../src/lib/time.ts";
import type { GatewayError } from "../../../src/ports/errors.ts";
import { CloudWebClient } from "../../doubles/microsoft/cloud-web-client.ts";
import { refusal } from "../../doubles/microsoft/entra.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { gatewayError } from "../calendar-ews/scenario.ts";
import { CLIENT, createCloud, SECRET, TENANT } from "../calendar-graph/scenario.ts";

const ORIGIN = new URL("https://cloud.example.com");
const { signal } = new AbortController();

function setUp(given: Partial<EntraOptions> = {}) {
  const runtime = createTestRuntime();
  const { cloud, application } = createCloud(runtime);
  const web = new CloudWebClient(cloud, runtime.clock);
  const credential: ApplicationCredential = { secret: SECRET };
  const options = { authority: ORIGIN, tenant: TENANT, client: CLIENT, credential, resource: ORIGIN, web };
  const proofs: string[] = [];
  const proved = (chain: string): void => void proofs.push(chain);
  const tokens = new EntraTokenSource({ ...options, clock: runtime.clock, random: () => 0, proved, ...given });
  return { runtime, cloud, application, web, tokens, proofs };
}

const posts = ({ cloud }: Pick<ReturnType<typeof setUp>, "cloud">): number => cloud.entra.posts.length;

/** Everything that a log could show of the error. */
const shown = (error: GatewayError): string => `${inspect(error, { depth: 10, showHidden: true })} ${error.stack}`;

describe("tokens of an application", () => {
  it("[G10] are fetched by its secret, once for all who ask, and only the token's POST goes out", async () => {
    const site = setUp();
    const [first, ...others] = await Promise.all([1, 2, 3, 4, 5].map(() => site.tokens.token(signal)));
    expect(others).toEqual(Array(4).fill(first));
    expect(site.cloud.entra.posts).toEqual([
      { scope: expect.stringContaining(`${ORIGIN.origin}/.default`), way: "secret" },
    ]);
    expect(site.cloud.entra.callerOf(first ?? "", ORIGIN.origin)).toMatchObject({ client: CLIENT });
  });

  it("are renewed at half of their time, while the old one serves on", async () => {
    const site = setUp();
    const first = await site.tokens.token(signal);
    await site.runtime.clock.advance(minutes(29));
    expect(await site.tokens.token(signal)).toBe(first);
    expect(posts(site)).toBe(1);
    await site.runtime.clock.advance(minutes(2));
    expect(await site.tokens.token(signal)).toBe(first);
    await expect.poll(() => posts(site)).toBe(2);
    await expect.poll(() => site.tokens.token(signal)).not.toBe(first);
  });

  it("serve on while the service is away, for as long as they are good; then it is asked ever more rarely", async () => {
    const site = setUp();
    await site.tokens.token(signal);
    site.cloud.plan("token", { status: 503 }, 10_000);
    await site.runtime.clock.advance(minutes(57));
    await site.tokens.token(signal);
    await site.runtime.clock.advance(minutes(1));
    let tries = 0;
    for (let minute = 0; minute < 60; minute++) {
      const error = await gatewayError(site.tokens.token(signal));
      expect(error).toMatchObject({ code: "entra-unavailable", type: "wait" });
      tries += 1;
      await site.runtime.clock.advance(seconds(20));
    }
    expect(tries).toBe(60);
    site.cloud.mend();
    await site.runtime.clock.advance(minutes(1));
    expect(await site.tokens.token(signal)).toBeTypeOf("string");
  });

  it.each([
    [7000215, "invalid_client", "entra-wrong-secret"],
    [7000222, "invalid_client", "entra-secret-expired"],
    [700027, "invalid_client", "entra-wrong-certificate"],
    [700024, "invalid_client", "entra-clock-skew"],
    [700016, "unauthorized_client", "entra-unknown-application"],
    [65001, "invalid_grant", "entra-consent-missing"],
    [90002, "invalid_request", "entra-unknown-tenant"],
    [53003, "access_denied", "entra-blocked"],
    [4711, "invalid_request", "entra-refused"],
  ])("are refused with AADSTS%i (%s): %s, which rests for minutes and tells no secret", async (number, error, code) => {
    const site = setUp();
    site.cloud.plan("token", refusal(error, number, `Invalid: ${SECRET}`), 1);
    const first = await gatewayError(site.tokens.token(signal));
    expect(first).toMatchObject({ code, type: "auth", message: expect.stringContaining(`AADSTS${number}`) });
    const again = await gatewayError(site.tokens.token(signal));
    expect(again).toMatchObject({ code, retryAfter: expect.any(Number) });
    for (const each of [first, again]) expect(shown(each)).not.toContain(SECRET);
    await site.runtime.clock.advance(minutes(5));
    expect(await site.tokens.token(signal)).toBeTypeOf("string");
  });

  it("are tried at once when an administrator asks, whatever was refused before", async () => {
    const site = setUp();
    site.application.isSecretExpired = true;
    await gatewayError(site.tokens.token(signal));
    expect(await gatewayError(site.tokens.fetchNow(signal))).toMatchObject({ code: "entra-secret-expired" });
    site.application.isSecretExpired = false;
    expect(await site.tokens.fetchNow(signal)).toBe(await site.tokens.token(signal));
  });

  it("with an expired secret are asked for a few times a day, not every minute", async () => {
    const site = setUp();
    site.application.isSecretExpired = true;
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      await gatewayError(site.tokens.token(signal));
      await site.runtime.clock.advance(minutes(5));
    }
    expect(posts(site)).toBeLessThan(60);
  });

  it.each([
    ["a web page", { status: 200, text: "<html>" }, "entra-bad-answer"],
    ["another service's JSON", { status: 200, body: { hello: 1 } }, "entra-bad-answer"],
    ["a token without an end", { status: 200, body: { access_token: "x", token_type: "Bearer" } }, "entra-bad-answer"],
    ["a redirect", { status: 302, headers: { location: "https://example.org" } }, "entra-bad-answer"],
    ["too many requests", { status: 429, headers: { "retry-after": "30" } }, "entra-throttled"],
    ["an outage", { status: 500, text: "<html>" }, "entra-unavailable"],
    ["a firewall's page", { status: 403, text: "blocked" }, "entra-bad-answer"],
  ])("do not come from %s", async (_what, answer, code) => {
    const site = setUp();
    site.cloud.plan("token", answer);
    const error = await gatewayError(site.tokens.token(signal));
    expect(error).toMatchObject({ code, message: expect.stringContaining(ORIGIN.host) });
    expect(shown(error)).not.toContain(SECRET);
  });

  it.each([
    ["network", "entra-unavailable"],
    ["tls", "entra-tls"],
    ["proxy-unauthorized", "entra-proxy-unauthorized"],
    ["proxy-refused", "entra-proxy-refused"],
    ["too-large", "entra-bad-answer"],
  ] as const)("say what kept them from coming (%s)", async (failure, code) => {
    const site = setUp();
    site.web.failure = new WebError(failure, "login.example.com: no");
    expect(await gatewayError(site.tokens.token(signal))).toMatchObject({ code });
  });

  it("are given up with the asker's signal, and do not fail for the others", async () => {
    const site = setUp();
    const impatient = new AbortController();
    const first = site.tokens.token(impatient.signal).catch((error: unknown) => error);
    const second = site.tokens.token(signal);
    impatient.abort("enough");
    expect(await first).toBe("enough");
    expect(await second).toBeTypeOf("string");
    expect(posts(site)).toBe(1);
  });

  it("are fetched anew when the service refused one, and when the clock was set back", async () => {
    const site = setUp();
    const first = await site.tokens.token(signal);
    await site.runtime.clock.advance(minutes(2));
    site.tokens.refuse("another");
    expect(await site.tokens.token(signal)).toBe(first);
    site.tokens.refuse(first);
    expect(await site.tokens.token(signal)).not.toBe(first);
    site.runtime.clock.step(-hours(5));
    await site.tokens.token(signal);
    expect(posts(site)).toBe(3);
  });
});

describe("tokens by certificate", () => {
  const folder = mkdtempSync(join(tmpdir(), "entra-"));
  const path = join(folder, "application.pem");
  afterEach(() => rmSync(path, { force: true }));

  it("[G10] are fetched by an assertion with its SHA-256 thumbprint", async () => {
    const { key, cert } = createTlsAuthority().issue({ names: ["gateway.example.com"] });
    writeFileSync(path, `${key}\n${cert}`);
    const certificate = await readCertificateCredential(path, signal);
    const site = setUp({ credential: { certificate } });
    expect(await gatewayError(site.tokens.token(signal))).toMatchObject({ code: "entra-wrong-certificate" });
    site.application.certificates = [cert];
    expect(await site.tokens.fetchNow(signal)).toBeTypeOf("string");
    expect(site.cloud.entra.posts.map(({ way }) => way)).toEqual(["certificate", "certificate"]);
    expect(site.proofs).toEqual([certificate.chain]); // not of the one that was refused
  });

  it.each([
    ["nothing", () => ""],
    ["a key without its certificate", () => createTlsAuthority().issue({ names: ["a"] }).key],
    ["a certificate without its key", () => createTlsAuthority().issue({ names: ["a"] }).cert],
    [
      "a key and another's certificate",
      () => createTlsAuthority().issue({ names: ["a"] }).key + createTlsAuthority().issue({ names: ["a"] }).cert,
    ],
    ["an encrypted key", () => "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----"],
  ])("are refused for a file with %s", async (_what, text) => {
    writeFileSync(path, text());
    const error = await gatewayError(readCertificateCredential(path, signal));
    expect(error).toMatchObject({ code: "entra-certificate-unreadable" });
    expect(error.cause).toBeUndefined();
    expect(error.message).toContain(path);
  });
});
