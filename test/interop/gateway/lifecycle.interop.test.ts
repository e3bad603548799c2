import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GatewayProcess, prepareAlone } from "../../lab/gateway-process.ts";
import type { JabberClient } from "../../lab/jabber-client.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";

const MINUTE = 60_000;

describe("the program without servers", () => {
  const directory = mkdtempSync(join(tmpdir(), "presence-lifecycle-"));
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await prepareAlone(directory, "example.test", "do not print this");
  });
  afterAll(async () => {
    await gateway.end("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  it("explains itself with --help and ends with 0, and with 2 for wrong usage", async () => {
    const help = await gateway.invoke(["run", "--help"]);
    expect(help).toMatchObject({ code: 0 });
    expect(help.text).toContain("--config");
    expect((await gateway.invoke(["rnu"])).code).toBe(2);
  });

  it("names every error of the configuration at once, by its path, without printing a secret", async () => {
    const path = join(directory, "bad.toml");
    writeFileSync(
      path,
      `[xmpp]\nservice = "xmpp://xmpp.example.test"\ncomponent = "cal endar"\nsecret = { env = "NOT_SET_ANYWHERE" }\ndomain = ["example.test"]\nadmins = ["example.test"]\n[store]\npath = "a.db"\n[log]\nlevel = "loud"\n`,
    );
    const { code, text } = await runOn(path);
    expect(code).toBe(3);
    for (const expected of [
      "xmpp.component",
      "xmpp.domain: no such setting; did you mean domains",
      "xmpp.admins",
      "log.level",
    ]) {
      expect(text).toContain(expected);
    }
  });

  it("refuses a plain-text connection to another machine unless it is allowed by name", async () => {
    const path = join(directory, "remote.toml");
    const settings = `component = "c.example.test"\nsecret = "x"\ndomains = ["example.test"]\nadmins = []\n`;
    writeFileSync(path, `[xmpp]\nservice = "xmpp://192.0.2.1:5347"\n${settings}[store]\npath = "r.db"\n`);
    const { code, text } = await runOn(path);
    expect(code).toBe(3);
    expect(text).toContain("allow-plain-text-to");
  });

  it("works on the store while the gateway is stopped", async () => {
    expect(await gateway.command("user list")).toMatchObject({ code: 0 });
    expect((await gateway.command("status")).text).toMatch(/not running/i);
    const unknown = await gateway.command("statsu");
    expect(unknown.code).toBe(1);
    expect(unknown.text).toContain("status");
  });

  it("says with exit code 1 which connection fails", async () => {
    const { code, text } = await gateway.invoke(["check"]);
    expect(code).toBe(1);
    expect(text).toMatch(/FAILED\s*xmpp/);
    expect(text).toMatch(/ok\s+store/);
  });

  it("stays up without servers, refuses a second gateway on its store, and ends cleanly", async () => {
    await gateway.start("gateway.restored");
    const second = await gateway.invoke(["run"]);
    expect(second.code).toBe(5);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("refuses a store that is no database with exit code 4 and leaves it alone", async () => {
    const path = join(directory, "corrupt.toml");
    writeFileSync(path, readFileSync(gateway.configPath, "utf8").replace("gateway.db", "corrupt.db"));
    const garbage = "this is no database ".repeat(500);
    writeFileSync(join(directory, "corrupt.db"), garbage);
    const { code, text } = await runOn(path, "run");
    expect(code).toBe(4);
    expect(text).toContain("store-corrupt");
    expect(readFileSync(join(directory, "corrupt.db"), "utf8")).toBe(garbage);
  });

  it("never writes the component's secret anywhere but where it was read from", () => {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      if (name === "component-secret" || !statSync(path).isFile()) continue;
      expect(readFileSync(path).includes("do not print this"), name).toBe(false);
    }
    expect(JSON.stringify(gateway.lines)).not.toContain("do not print this");
  });

  const runOn = (path: string, command = "check") => gateway.invokeOn(path, [command]);
});

describe.each(installedServers())("the gateway's life on a real %s", (server) => {
  let site: Site;
  let alice: JabberClient;
  let bob: JabberClient;
  const inMeeting = () => {
    const { show, activity } = bob.view("alice@example.test");
    return show === "dnd" && activity?.specific === "in_a_meeting";
  };
  const plain = () => {
    const { show, activity } = bob.view("alice@example.test");
    return show === "available" && activity === undefined;
  };

  beforeAll(async () => {
    site = await startSite({ server, module: { grace: 8 } });
    await site.open(["alice"]);
    bob = await site.connect("bob");
    await bob.sendPresence();
    alice = await site.connect("alice");
    await alice.sendPresence();
    await bob.waitFor(plain, "alice available");
    const start = Date.now() - MINUTE;
    site.exchange.findMailbox("alice@example.test")?.addMeeting({ start, end: start + 60 * MINUTE, status: "busy" });
    await bob.waitFor(inMeeting, "alice in a meeting", 15_000);
  });
  afterAll(() => site.close());

  it.each([
    { signal: "SIGTERM", what: "systemd's" },
    { signal: "SIGHUP", what: "of a terminal that is closed" },
    { signal: "SIGINT", what: "Ctrl-C, and again" },
  ] as const)(
    "leaves nothing stale behind at $signal ($what), within 5 s, and shows the meeting again when it is back",
    async ({ signal }) => {
      const before = Date.now();
      if (signal === "SIGINT") process.kill(site.gateway.pid ?? 0, signal);
      expect(await site.gateway.end(signal)).toBe(0);
      expect(Date.now() - before).toBeLessThan(5_500);
      await bob.waitFor(plain, "no meeting without a gateway", 5_000);
      await site.gateway.start();
      await bob.waitFor(inMeeting, "the meeting again", 15_000);
    },
  );

  it("[R2] a killed gateway leaves no meeting: the server module ends it after its grace, activity and all", async () => {
    await site.gateway.end("SIGKILL");
    await bob.waitFor(plain, "no meeting after the grace", 30_000);
    expect((await alice.publishActivity({ general: "working", specific: "in_a_meeting" })).type).toBe("error");
    await site.gateway.start();
    await bob.waitFor(inMeeting, "the meeting again", 15_000);
  });

  it("publishes nothing twice for nothing when it comes back within the grace", async () => {
    const before = bob.seen.length;
    await site.gateway.end("SIGKILL");
    await site.gateway.start();
    await bob.settle();
    expect(bob.seen.slice(before).filter((fact) => fact.kind === "activity")).toEqual([]);
    expect(inMeeting()).toBe(true);
  });

  it("comes back by itself when the XMPP server is restarted, with everything right", async () => {
    const connected = site.gateway.waitForLog("xmpp.connected", 60_000);
    await site.server.restart();
    await connected;
    bob = await site.connect("bob", "again");
    await bob.sendPresence();
    alice = await site.connect("alice", "again");
    await alice.sendPresence();
    await bob.waitFor(inMeeting, "the meeting after the restart", 30_000);
  });

  it("takes effect within a second when a command comes from another process", async () => {
    await mustSucceed(site.gateway, "user disable alice@example.test");
    await bob.waitFor(plain, "alice without calendar", 3_000);
    await mustSucceed(site.gateway, "user enable alice@example.test");
    await bob.waitFor(inMeeting, "alice with calendar", 10_000);
  });

  it("checks every connection of a running gateway without disturbing it", async () => {
    const { code, text } = await site.gateway.invoke(["check"]);
    expect(text).toMatch(/ok\s+gateway hq/);
    expect(code).toBe(0);
    expect(inMeeting()).toBe(true);
  });
});
