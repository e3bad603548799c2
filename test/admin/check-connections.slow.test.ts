import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { milliseconds } from "../../src/lib/time.ts";
import { checkConnections } from "../../src/shell/check-connections.ts";
import { type LoadedConfig, loadConfig } from "../../src/shell/config-file.ts";
import { listenForControl } from "../../src/shell/control-socket.ts";
import { openDatabase } from "../../src/store/database.ts";
import { needsMigration, openStore } from "../../src/store/open-store.ts";
import { startExchange } from "../doubles/exchange/exchange.ts";
import { ScriptedXmppServer, type XmppServerScript } from "../doubles/scripted-xmpp-server.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { findFreePort } from "../lab/free-ports.ts";

let directory: string;
const undo: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "check-"));
});
afterEach(async () => {
  for (const end of undo.splice(0)) await end();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(script: Partial<XmppServerScript> = {}): Promise<ScriptedXmppServer> {
  const server = await new ScriptedXmppServer({ moduleInstance: "one", ...script }).start();
  undo.push(() => server.stop());
  return server;
}

/** A SIP server that agrees to everything. */
async function servePresence(): Promise<{ readonly port: number; readonly methods: readonly string[] }> {
  const methods: string[] = [];
  const server = createServer((socket) => {
    socket.on("data", (bytes) => {
      const [start = "", ...lines] = bytes.toString().split("\r\n");
      if (start === "") return; // a keep-alive
      methods.push(start.split(" ")[0] ?? "");
      const kept = lines.filter((line) => /^(via|from|to|call-id|cseq):/i.test(line));
      socket.write(["SIP/2.0 200 OK", ...kept, "Content-Length: 0", "\r\n"].join("\r\n"));
    });
    socket.on("error", () => undefined);
  });
  const port = await findFreePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  undo.push(async () => void server.close());
  return { port, methods };
}

/** The lines of the check, as the program prints them. */
async function check(port: number, settings: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const said: string[] = [];
  for await (const { name, ok, detail } of checkConnections(configFor(port, settings), milliseconds(300))) {
    said.push(`${ok ? "ok" : "FAILED"} ${name}: ${detail}`);
  }
  return said;
}

function configFor(port: number, settings: Readonly<Record<string, string>> = {}): LoadedConfig {
  const {
    component = "calendar.example.test",
    secret = "a secret",
    store = "gateway.db",
    sip = "",
    contacts = "[]",
  } = settings;
  const path = join(directory, "gateway.toml");
  const lines = [
    `[xmpp]\nservice = "xmpp://127.0.0.1:${port}"\ncomponent = "${component}"\nsecret = "${secret}"`,
    `domains = ["example.test"]\nadmins = []\ncontact-domains = ${contacts}\n[store]\npath = "${store}"`,
    sip,
  ];
  writeFileSync(path, lines.join("\n"));
  return loadConfig(path, {});
}

describe("presence-gateway check", () => {
  it("says what the server grants, and makes no store", async () => {
    const { port } = await serve();
    expect(await check(port)).toEqual([
      `ok store: ${join(directory, "gateway.db")} does not exist yet; the gateway makes it when it starts`,
      `ok xmpp: 127.0.0.1:${port} accepts calendar.example.test`,
      "ok xmpp example.test: acts for users by privilege, hears their clients; show, status and activity are shown",
    ]);
    expect(existsSync(join(directory, "gateway.db"))).toBe(false);
  });

  it("says that contacts see the activity only where the module is missing", async () => {
    const { port } = await serve({ moduleInstance: undefined });
    expect((await check(port))[2]).toMatch(/^ok xmpp example\.test: .*there is no server module, so only the activity/);
  });

  it("is content with contact JIDs, and says what is not seen on them", async () => {
    const contacts = `["example.test"]`;
    const { port } = await serve({ moduleInstance: undefined });
    expect((await check(port, { contacts }))[2]).toMatch(/^ok .*no server module, so .* on contact JIDs alone$/);
    const plain = await serve({ moduleInstance: undefined, advert: undefined });
    expect((await check(plain.port, { contacts }))[2]).toMatch(
      /^ok .*: Show and status .*alone\. .*may not act for users/,
    );
  });

  it("fails where the server grants nothing, and says what to grant", async () => {
    const { port } = await serve({ advert: undefined });
    const line = (await check(port))[2];
    expect(line).toMatch(/^FAILED xmpp example\.test: the gateway may not act for users\. .*\(xmpp-no-access\)/);
    expect(line).toMatch(/users' clients are not heard\. .*managed_entity.*\(clients-no-presence\)$/);
  });

  it("names the cause at once when the server refuses the secret, or nobody listens", async () => {
    const { port } = await serve();
    expect((await check(port, { secret: "another" }))[1]).toMatch(
      /^FAILED xmpp: .*not-authorized.* Make \[xmpp\] secret and the server's component_secret .* the same\. \(xmpp-not-authorized\)$/,
    );
    const gone = await serve();
    await gone.stop();
    undo.length = 1;
    expect((await check(gone.port))[1]).toMatch(
      /^FAILED xmpp: cannot connect to 127\.0\.0\.1 port \d+: .*ECONNREFUSED.* Check that the server runs, .*\(xmpp-unreachable\)$/,
    );
  });

  it("[R3] tries every calendar server, and each has a line that says what failed", async () => {
    const { port } = await serve();
    const { storePath, storeKey } = configFor(port);
    const store = openStore({ path: storePath, key: storeKey, runtime: createTestRuntime() });
    const exchange = await startExchange({ accounts: [{ user: "svc", password: "secret" }] });
    undo.push(() => exchange.stop());
    for (let index = 1; index <= 14; index++) {
      const url = index === 14 ? "http://localhost:1" : exchange.url;
      const server = { name: `s${index}`, type: "ews", options: { url, account: "svc" }, isEnabled: true };
      await store.registry.replaceCalendarServer(server, { password: "secret" });
    }
    store.close();
    const lines = (await check(port)).filter((line) => line.includes(" gateway s"));
    expect(lines).toHaveLength(14);
    expect(lines.filter((line) => /^ok gateway s\d+: version: Exchange 15\.1\.2507/.test(line))).toHaveLength(13);
    expect(lines.find((line) => line.startsWith("FAILED"))).toMatch(
      /^FAILED gateway s14: TCP: Exchange Reachability \(unreachable\): .*\(ews-unavailable\)$/,
    );
  });

  it("asks the SIP server whether it is there, publishes nothing, and says why it is not", async () => {
    const { port } = await serve();
    const presence = await servePresence();
    const sip = `[sip]\nserver = "127.0.0.1:${presence.port}"`;
    const sipLine = async (section: string) =>
      (await check(port, { sip: section })).find((line) => line.includes(" sip:"));
    expect(await sipLine(sip)).toBe("ok sip: not tried before the gateway has made or migrated its store");
    const { storePath, storeKey } = configFor(port);
    openStore({ path: storePath, key: storeKey, runtime: createTestRuntime() }).close();
    expect(await sipLine(sip)).toMatch(/^ok sip: 127\.0\.0\.1:\d+ answers by tcp: \d{3} /);
    expect(presence.methods).toEqual(["OPTIONS"]);
    const nobody = await findFreePort();
    expect(await sipLine(`[sip]\nserver = "127.0.0.1:${nobody}"`)).toMatch(/^FAILED sip: .*\(sip-unreachable\)$/);
    expect(await sipLine("")).toBeUndefined();
  });

  it("leaves a store of an older version as it is: an older gateway may run on it", async () => {
    const { port } = await serve();
    const { storePath, storeKey } = configFor(port);
    openStore({ path: storePath, key: storeKey, runtime: createTestRuntime() }).close();
    const database = openDatabase(storePath);
    database.execute("DELETE FROM migration WHERE id = (SELECT max(id) FROM migration)");
    database.close();
    expect((await check(port))[0]).toMatch(/^ok store: .*gateway\.db is of an older version: .* when it starts/);
    expect(needsMigration(storePath)).toBe(true);
  });

  it("fails when the store's directory is missing", async () => {
    const { port } = await serve();
    const [line] = await check(port, { store: "missing/gateway.db" });
    expect(line).toMatch(/^FAILED store: .*gateway\.db cannot be made: .*missing does not exist or may not be written/);
  });

  it.each([
    ["xmpp: ok since 09:00:00 UTC (now): connected", "ok"],
    ["xmpp: down since 09:00:00 UTC (now): refused (xmpp-conflict)", "FAILED"],
  ])("believes a running gateway that says %j, and does not push it off the server", async (status, state) => {
    const server = await serve();
    const text = `The gateway is running.\n${status}\nstore: ok`;
    undo.push(await listenForControl(join(directory, "gateway.db.sock"), async () => ({ isError: false, text })));
    expect((await check(server.port))[1]).toBe(`${state} xmpp: the gateway that runs on this store says: ${status}`);
    expect(server.handshakes).toBe(0);
  });

  it("tells what a running gateway says of its domains, and of clients that it does not hear", async () => {
    const { port } = await serve();
    const lines = [
      "xmpp: ok",
      "clients xmpp: degraded since 09:00:00 UTC (now): example.com: nobody is heard (clients-no-presence)",
      "domain example.com: overlay: show and status, because: it has the module",
      "domain example.net: none: nothing is shown by XMPP",
    ];
    const answer = { isError: false, text: lines.join("\n") };
    undo.push(await listenForControl(join(directory, "gateway.db.sock"), async () => answer));
    expect((await check(port)).slice(2)).toEqual([
      "FAILED xmpp clients: degraded since 09:00:00 UTC (now): example.com: nobody is heard (clients-no-presence)",
      "ok xmpp example.com: overlay: show and status, because: it has the module",
      "FAILED xmpp example.net: none: nothing is shown by XMPP",
    ]);
  });
});
