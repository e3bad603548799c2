import { readFileSync, statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plus } from "../../src/lib/time.ts";
import type { RegistryChange } from "../../src/ports/registry.ts";
import { makeRoot } from "../doubles/certificate-maker.ts";
import { settle } from "../doubles/fake-clock.ts";
import { installedOf } from "../doubles/trust.ts";
import { createTestStores, NOW, type TestStores } from "./store-fixture.ts";

const [first, second] = [makeRoot("B"), makeRoot("A")].map(({ pem }) => installedOf(pem));
const both = [...(first ?? []), ...(second ?? [])];

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

describe("the trust store", () => {
  it("keeps certificates with who added them and when, by subject, over restarts", async () => {
    const store = stores.open();
    await store.trust.recordInstalled(both);
    store.close();
    const again = await stores.open().trust.listInstalled();
    expect(again.map((each) => ({ ...each, der: Buffer.from(each.der) }))).toEqual([...both].reverse());
  });

  it("leaves one that is installed already as it was, and removes by SHA-256", async () => {
    const { trust } = stores.open();
    await trust.recordInstalled(both);
    await trust.recordInstalled(both.map((each) => ({ ...each, addedBy: "bob@example.com" })));
    expect((await trust.listInstalled()).map(({ addedBy }) => addedBy)).toEqual(Array(2).fill("carol@example.com"));
    await trust.deleteInstalled(both[0]?.sha256 ?? "");
    expect(await trust.listInstalled()).toHaveLength(1);
  });

  it("[R9] reports installing and removing to every process that watches, and nothing else", async () => {
    const { registry, trust } = stores.open();
    const stop = new AbortController();
    const changes: RegistryChange[] = [];
    const watching = (async () => {
      for await (const change of registry.watch(stop.signal)) changes.push(change);
    })().catch(() => undefined);
    await settle();
    await trust.recordInstalled(both);
    await trust.replaceSeen("h", []);
    await trust.recordWarning({ sha256: "aa", days: 7 }, NOW);
    await settle();
    expect(changes).toEqual([{ kind: "certificate" }]);
    await stores.open().trust.deleteInstalled(both[0]?.sha256 ?? "");
    await stores.runtime.clock.advance(300);
    expect(changes).toHaveLength(2);
    stop.abort();
    await watching;
  });

  it("keeps the newest offers until they are answered", async () => {
    const { trust } = stores.open();
    const offer = (id: string) => ({
      id,
      server: "h:443",
      certificates: [Buffer.from(id)],
      madeBy: "carol",
      madeAt: NOW,
    });
    for (let index = 0; index < 60; index++) await trust.recordOffer(offer(`id-${index}`));
    await trust.recordOffer(offer("id-59"));
    expect(await trust.findOffer("id-5")).toBeUndefined();
    expect(await trust.findOffer("id-59")).toEqual(offer("id-59"));
    await trust.deleteOffer("id-59");
    expect(await trust.findOffer("id-59")).toBeUndefined();
  });

  it("keeps of each host what it showed last", async () => {
    const { trust } = stores.open();
    const seen = (host: string, sha256: string) => ({
      host,
      sha256,
      subject: "CN=x",
      notAfter: plus(NOW, 1),
      seenAt: NOW,
    });
    await trust.replaceSeen("a", [seen("a", "1"), seen("a", "2")]);
    await trust.replaceSeen("b", [seen("b", "1")]);
    await trust.replaceSeen("a", [seen("a", "3")]);
    expect(await trust.listSeen()).toEqual([seen("a", "3"), seen("b", "1")]);
  });

  it("remembers warnings over restarts, until the certificate is gone", async () => {
    const store = stores.open();
    await store.trust.recordInstalled(both);
    const [sha256 = "", other = ""] = both.map((each) => each.sha256);
    await store.trust.recordWarning({ sha256, days: 60 }, NOW);
    store.close();
    const { trust } = stores.open();
    expect(await trust.listWarnings()).toEqual([{ sha256, days: 60 }]);
    await trust.deleteInstalled(sha256);
    await trust.recordWarning({ sha256: other, days: 30 }, NOW);
    expect(await trust.listWarnings()).toEqual([{ sha256: other, days: 30 }]);
  });

  it("writes private keys for the gateway's account alone and never over another", async () => {
    const { trust } = stores.open();
    const path = await trust.saveKey("mail.example.com", "the key");
    expect(readFileSync(path, "utf8")).toBe("the key");
    expect([statSync(path).mode & 0o777, statSync(`${stores.path}.keys`).mode & 0o777]).toEqual([0o600, 0o700]);
    await expect(trust.saveKey("mail.example.com", "another")).rejects.toMatchObject({ code: "store-unreadable" });
    expect(readFileSync(path, "utf8")).toBe("the key");
  });
});
