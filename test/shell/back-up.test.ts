import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backUp, restore } from "../../src/shell/back-up.ts";
import { loadConfig } from "../../src/shell/config-file.ts";
import { controlPath, listenForControl } from "../../src/shell/control-socket.ts";
import { createTestStores, NOW, type TestStores } from "../store/store-fixture.ts";

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

function configure() {
  const path = join(stores.directory, "config.toml");
  const xmpp = `service = "xmpp://127.0.0.1:1"\ncomponent = "c.example.com"\nsecret = "x"\ndomains = ["example.com"]\nadmins = []`;
  writeFileSync(path, `[xmpp]\n${xmpp}\n[store]\npath = "presence.db"\n`);
  return loadConfig(path, {});
}

describe("presence-gateway backup and restore", () => {
  it("say what is not in a backup, and where the old store is kept", async () => {
    stores.open().close();
    const [config, file] = [configure(), join(stores.directory, "backup.db")];
    expect(backUp(config, file)).toMatch(/backup\.db is a backup of .*Not in it.*presence\.db\.key/);
    const before = `${stores.path}.before-20261123T090000Z`;
    expect(await restore(config, file, NOW)).toBe(
      `${stores.path} is restored from ${file}. What was there is kept as ${before}.`,
    );
    rmSync(`${stores.path}.key`);
    rmSync(before);
    expect(await restore(config, file, NOW)).toMatch(/Put the key of the backup in place before the start/);
  });

  it("refuse to restore while a gateway runs, and give its lock back afterwards", async () => {
    stores.open().close();
    const [config, file] = [configure(), join(stores.directory, "backup.db")];
    backUp(config, file);
    const path = controlPath(stores.path);
    const close = await listenForControl(path, async () => ({ isError: false, text: "" }));
    await expect(restore(config, file, NOW)).rejects.toMatchObject({ code: "gateway-already-running" });
    await close();
    await restore(config, file, NOW);
    expect(existsSync(path)).toBe(false);
  });
});
