import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../lab/free-ports.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";

const MINUTE = 60_000;

interface Ready {
  readonly status: number;
  readonly text: string;
}

describe.each(installedServers())("monitoring of a whole site on a real %s", (server) => {
  let site: Site;
  let port = 0;
  beforeAll(async () => {
    port = await findFreePort();
    site = await startSite({ server, metricsPort: port });
  });
  afterAll(() => site.close());

  const get = async (path: string): Promise<Ready> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  /** Asks until the answer is as wanted, for half a minute at most. */
  async function waitFor(path: string, isRight: (answer: Ready) => boolean): Promise<string> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const answer = await get(path);
      if (isRight(answer)) return answer.text;
      if (Date.now() > deadline) throw new Error(`${path} still says ${answer.status}: ${answer.text}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it("sees the gateway become ready, and what it publishes, without anybody's name", async () => {
    const start = Date.now() - MINUTE;
    site.exchange.findMailbox("alice@example.test")?.addMeeting({ start, end: start + 60 * MINUTE, status: "busy" });
    await site.open(["alice", "bob"]);
    await (await site.connect("alice")).sendPresence();
    const ready = await waitFor("/readyz", ({ status }) => status === 200);
    expect(JSON.parse(ready)).toMatchObject({ ready: true, reasons: [] });
    const metrics = await waitFor("/metrics", ({ text }) => text.includes("presence_gateway_in_meeting 1\n"));
    expect(metrics).toMatch(/^presence_gateway_users 2$/m);
    expect(metrics).toMatch(/^presence_gateway_part_up\{part="gateway hq"\} 1$/m);
    expect(metrics).toMatch(/^presence_gateway_calendar_age_seconds\{gateway="hq",quantile="1"\} \d/m);
    expect(metrics).toMatch(/^presence_gateway_requests_limit\{gateway="hq"\} [1-9]/m);
    expect(metrics).toMatch(/^presence_gateway_certificate_expires_seconds\{host="localhost"\} \d/m);
    expect(metrics).toMatch(/^process_resident_memory_bytes \d/m);
    await waitFor("/metrics", ({ text }) =>
      /^presence_gateway_publication_seconds_count\{publisher="xmpp-pep"\} [1-9]/m.test(text),
    );
    for (const path of ["/metrics", "/readyz"]) expect((await get(path)).text).not.toMatch(/alice|bob|svc-|@/);
  });

  it("sees that Exchange is away, and what status says first", async () => {
    await site.exchange.stop();
    await mustSucceed(site.gateway, "refresh alice@example.test");
    const text = await waitFor("/readyz", ({ status }) => status === 503);
    expect(JSON.parse(text)).toMatchObject({ ready: false, reasons: [{ part: "gateway hq", state: "down" }] });
    expect((await get("/healthz")).status).toBe(200);
    const [title, first] = (await mustSucceed(site.gateway, "status")).split("\n");
    expect([title, first?.split(" since")[0]]).toEqual([
      "The gateway is running. 1 part is in trouble:",
      expect.stringMatching(/^gateway hq: down/),
    ]);
  });

  it("sees that the XMPP server is away", async () => {
    await site.server.stop();
    await waitFor("/readyz", ({ text }) => text.includes('"part":"xmpp"'));
    await waitFor("/metrics", ({ text }) => text.includes('presence_gateway_part_up{part="xmpp"} 0\n'));
  });
});
