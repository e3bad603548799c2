import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GraphCalendarSource } from "../../plugins/calendar-graph/graph-calendar-source.ts";
import { readCertificateCredential } from "../../plugins/shared-microsoft/certificate-credential.ts";
import { type ConnectProxy, startConnectProxy } from "../doubles/connect-proxy.ts";
import { type CloudFront, startCloudFront } from "../doubles/microsoft/https-front.ts";
import type { MicrosoftCloud } from "../doubles/microsoft/microsoft-cloud.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { createTlsAuthority } from "../doubles/tls-authority.ts";
import { createContext } from "../plugins/calendar-ews/scenario.ts";
import { ALICE, BOB, createCloud, graphOptions } from "../plugins/calendar-graph/scenario.ts";

const guide = readFileSync(join(import.meta.dirname, "../../docs/OFFICE365.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "office365-guide-"));
const { signal } = new AbortController();
afterAll(() => rmSync(folder, { recursive: true }));

describe("the certificate that the guide makes", () => {
  let printed = "";
  beforeAll(() => {
    const [, script = ""] = /```sh\n([\s\S]*?)```/.exec(guide) ?? [];
    printed = execFileSync("sh", ["-ec", script], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  });

  it("[G10] is one that the gateway reads, with the thumbprint and the end that are shown", async () => {
    const { thumbprintSha256, notAfter } = await readCertificateCredential(join(folder, "office365.pem"), signal);
    expect(printed.replaceAll(":", "").toLowerCase()).toContain(thumbprintSha256);
    const [, end = ""] = /notAfter=(.*)/.exec(printed) ?? [];
    expect(Date.parse(end)).toBe(notAfter);
  });

  it("is readable for nobody else, and what is uploaded has no key in it", () => {
    for (const file of ["office365.pem", "office365.key"]) expect(statSync(join(folder, file)).mode & 0o077).toBe(0);
    expect(readFileSync(join(folder, "office365.crt"), "utf8")).not.toContain("PRIVATE KEY");
  });

  it("is taken by the token service that has its public part", async () => {
    const { cloud, application } = createCloud(createTestRuntime());
    application.certificates = [readFileSync(join(folder, "office365.crt"), "utf8")];
    const found = await stepsOf(cloud, { credential: { certificateFile: join(folder, "office365.pem") } });
    expect(found).toContain("token");
  });
});

describe("what the guide says of the test", () => {
  let proxy: ConnectProxy;
  beforeAll(async () => {
    proxy = await startConnectProxy({ login: "alice:pass" });
  });
  afterAll(() => proxy.stop());

  it("explains each step in its order", async () => {
    const { cloud } = createCloud(createTestRuntime());
    const through = { url: new URL(proxy.url), user: "alice", password: "pass" };
    const found = await stepsOf(cloud, { proxy: through });
    const [, section = ""] = /\n## 4\. ([\s\S]*?)\n## 5\. /.exec(guide) ?? [];
    const rows = [...section.matchAll(/^\| ([A-Za-z]+) \|/gm)].map(([, name]) => name);
    expect(rows.filter((name) => name !== undefined && found.includes(name))).toEqual(found);
    expect(found.at(-1)).toBe("scope");
  });
});

/** The names of the steps of a test of the cloud, by sockets; all that could be tried. */
async function stepsOf(cloud: MicrosoftCloud, given: Parameters<typeof graphOptions>[0]): Promise<readonly string[]> {
  const authority = createTlsAuthority();
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, authority.caPem);
  const front: CloudFront = await startCloudFront(cloud, authority);
  const origins = { authority: new URL(front.url), graph: new URL(front.url) };
  const source = new GraphCalendarSource(
    graphOptions({ cloud: origins, caFile, ...given }),
    createContext(createTestRuntime()),
  );
  await source.start(signal);
  const names: string[] = [];
  for await (const { step, ok, detail } of source.test({ mailbox: ALICE, outside: BOB }, signal)) {
    if (!ok) throw new Error(`${step}: ${detail}`);
    names.push(step);
  }
  await source.stop();
  await front.stop();
  return names;
}
