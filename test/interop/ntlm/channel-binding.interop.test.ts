import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { trustedConnector } from "../../../plugins/shared-http/trusted-connector.ts";
import { AccountClient } from "../../../plugins/shared-microsoft/account-client.ts";
import { LoginError } from "../../../plugins/shared-microsoft/login-error.ts";
import { seconds } from "../../../src/lib/time.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { createTestTrust } from "../../doubles/trust.ts";

// Debian's own Python: its package python3-gssapi is not seen by any other.
const PYTHON = "/usr/bin/python3";
const SERVER = fileURLToPath(new URL("./channel-binding-server.py", import.meta.url));
const PASSWORD = "pä&s$ 1";

const missing = [
  ...(spawnSync(PYTHON, ["-c", "import gssapi"]).status === 0 ? [] : ["python3-gssapi"]),
  ...(existsSync("/etc/gss/mech.d/mech.ntlmssp.conf") ? [] : ["gss-ntlmssp"]),
];
if (missing.length > 0) console.log(`channel binding skipped: install the Debian packages ${missing.join(", ")}`);

describe.skipIf(missing.length > 0)("[A1] gss-ntlmssp over TLS", () => {
  const authority = createTlsAuthority();
  const own = authority.issue({ names: ["localhost"] });
  const another = authority.issue({ names: ["localhost"] });
  let folder: string;
  let server: ChildProcess | undefined;
  let client: AccountClient | undefined;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "channel-binding-"));
    const files = {
      "own.pem": own.cert,
      "key.pem": own.key,
      "another.pem": another.cert,
      users: `EXAMPLE:svc:${PASSWORD}\n`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  });
  afterEach(async () => {
    await client?.destroy(new Error("the test is over"));
    if (!server) return;
    const ended = once(server, "exit");
    server.stdin?.end();
    await ended;
    server = undefined;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A client of a server that wants logins bound to this certificate. */
  async function connectTo(boundTo: "own.pem" | "another.pem"): Promise<AccountClient> {
    const files = ["own.pem", "key.pem", boundTo, "users"].map((name) => join(folder, name));
    const child = spawn(PYTHON, [SERVER, ...files], { stdio: ["pipe", "pipe", "inherit"] });
    server = child;
    const [port] = await once(createInterface({ input: child.stdout }), "line");
    client = new AccountClient({
      url: new URL(`https://localhost:${port}`),
      account: "EXAMPLE\\svc",
      password: PASSWORD,
      login: "auto",
      connect: trustedConnector(createTestTrust(), { ca: authority.caPem, exceptions: new Set() }),
      keepAlive: seconds(20),
      clock: createTestRuntime().clock,
    });
    return client;
  }

  const send = async (to: AccountClient): Promise<string> => {
    const request = { method: "POST", path: "/", headers: {}, body: "four" } as const;
    const { body } = await to.request(request, new AbortController().signal);
    return body.text();
  };

  it("takes a login that is bound to the certificate of the server, once a connection", async () => {
    const to = await connectTo("own.pem");
    for (let call = 0; call < 3; call++) expect(await send(to)).toBe("EXAMPLE\\svc 4");
    expect(await Promise.all([1, 2, 3, 4].map(() => send(to)))).toEqual(Array(4).fill("EXAMPLE\\svc 4"));
    expect(to.loginName).toBe("NTLMv2, bound to the TLS channel");
  });

  it("refuses the same login when another certificate is expected: the binding is really there", async () => {
    const to = await connectTo("another.pem");
    const error = await send(to).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LoginError);
    expect(error).toMatchObject({ failure: "refused" });
  });
});
