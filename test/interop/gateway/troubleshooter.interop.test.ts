import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConnectProxy, startConnectProxy } from "../../doubles/connect-proxy.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";

describe.each(installedServers())("the troubleshooter of a running gateway on a real %s", (server) => {
  let site: Site;
  let proxy: ConnectProxy;

  beforeAll(async () => {
    site = await startSite({ server });
    proxy = await startConnectProxy({ login: "alice:proxy secret" });
    await site.open(["alice"]);
  });
  afterAll(async () => {
    await site.close();
    await proxy.stop();
  });

  it("[T1] [T3] [I6] tells each step on the command line, warns of rights that are too wide, and ends with 0", async () => {
    const line = "gateway test hq user=alice@example.test outside=carol@example.test";
    const { code, text } = await site.gateway.command(line);
    expect(text.split("\n").map((each) => /^(\w+: [\w ]+):/.exec(each)?.[1] ?? each)).toEqual([
      "Test of hq for alice@example.test",
      ...["DNS", "TCP", "TLS", "HTTP", "login", "version", "impersonation by SMTP address"].map(
        (step) => `ok: ${step}`,
      ),
      ...["ok: availability", "ok: subscription", "Warning: scope"],
      "All 10 steps went well.",
    ]);
    expect(text).toContain("Exchange SSL Connection/Certificate Verification - Verified: TLS");
    expect(code).toBe(0);
  });

  it("[R3] [K7] [G6] [G8] tries all gateways, also behind a proxy, and ends with 1 when one fails", async () => {
    const through = `proxy=${proxy.url} proxy-user=alice proxy-password`;
    const added = await mustSucceed(site.gateway, `gateway add behind like=hq ${through}="proxy secret"`);
    expect(added).not.toContain("does not fit");
    expect((await site.gateway.command("gateway show behind")).text).not.toContain("proxy secret");
    expect(await site.gateway.command("gateway test all")).toMatchObject({
      code: 0,
      text: expect.stringMatching(
        /^behind: ok: proxy: localhost:\d+ connects to localhost port \d+, logged in as alice/m,
      ),
    });
    await mustSucceed(site.gateway, "gateway set behind proxy-password=wrong");
    const { code, text } = await site.gateway.command("gateway test all");
    expect(text).toMatch(
      /^behind: FAILED: proxy: Exchange Reachability \(unreachable\): .*\(ews-proxy-unauthorized\)/m,
    );
    expect(text).toMatch(/^hq: ok: version: /m);
    expect(text).toMatch(/^2 gateways tried, 1 failed: behind\.$/m);
    expect(code).toBe(1);
  });
});
