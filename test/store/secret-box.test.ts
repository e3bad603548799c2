import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SecretBox } from "../../src/store/secret-box.ts";
import { loadSecretKey } from "../../src/store/secret-key.ts";
import { codeOf, createTestStores, type TestStores } from "./store-fixture.ts";

const HQ = { name: "hq", type: "ews", options: { url: "https://mail.example.com" }, isEnabled: true };
const PASSWORD = "correct horse battery staple";

describe("sealing", () => {
  const box = new SecretBox(randomBytes(32));

  it("gives back any text in its own context", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), fc.string(), (secret, server, name) => {
        expect(box.open(box.seal(secret, ["t", server, name]), ["t", server, name])).toBe(secret);
      }),
    );
  });

  it("never gives the same bytes twice", () => {
    expect(box.seal(PASSWORD, ["t"]).equals(box.seal(PASSWORD, ["t"]))).toBe(false);
  });

  it("opens in no other context, even one that looks alike when joined", () => {
    const sealed = box.seal(PASSWORD, ["t", "a", "b/c"]);
    for (const other of [["t", "a/b", "c"] as const, ["t", "a"] as const, ["u", "a", "b/c"] as const]) {
      expect(codeOf(() => box.open(sealed, other))).toBe("store-wrong-key");
    }
  });

  it("opens nothing that was changed, cut, or made up", () => {
    const sealed = box.seal(PASSWORD, ["t"]);
    fc.assert(
      fc.property(fc.nat(sealed.length - 2), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const changed = Buffer.from(sealed);
        changed[index + 1] = (changed[index + 1] ?? 0) ^ change;
        expect(codeOf(() => box.open(changed, ["t"]))).toBe("store-wrong-key");
        expect(codeOf(() => box.open(sealed.subarray(0, index), ["t"]))).toBe("store-wrong-key");
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(codeOf(() => box.open(Buffer.from(bytes), ["t"]))).toBe("store-wrong-key");
      }),
    );
  });
});

describe("secrets in the store", () => {
  let stores: TestStores;
  beforeEach(() => {
    stores = createTestStores();
  });
  afterEach(() => stores.end());

  const allBytes = (): string =>
    readdirSync(stores.directory)
      .map((file) => readFileSync(`${stores.directory}/${file}`, "latin1"))
      .join("");

  it("stand nowhere in clear in its files or the log", async () => {
    const store = stores.open();
    await store.registry.replaceCalendarServer(HQ, { password: PASSWORD });
    expect(allBytes()).not.toContain("horse");
    store.close();
    expect(allBytes()).toContain("mail.example.com");
    expect(allBytes()).not.toContain("horse");
    expect(JSON.stringify(stores.runtime.events)).not.toContain("horse");
  });

  it("open again after a restart, with the key file or with the given key", async () => {
    await stores.open().registry.replaceCalendarServer(HQ, { password: PASSWORD });
    expect(await stores.open().registry.openSecrets("hq")).toEqual({ password: PASSWORD });
    const key = readFileSync(`${stores.path}.key`, "utf8");
    expect(await stores.open(key).registry.openSecrets("hq")).toEqual({ password: PASSWORD });
  });

  it("do not open with another key, and can be set anew with it", async () => {
    await stores.open().registry.replaceCalendarServer(HQ, { password: PASSWORD });
    const { registry } = stores.open(randomBytes(32).toString("base64"));
    await expect(registry.openSecrets("hq")).rejects.toMatchObject({ code: "store-wrong-key", type: "auth" });
    await expect(registry.openSecrets("hq")).rejects.toThrow(
      /store\.key of the configuration.* set the calendar server's password/,
    );
    await registry.replaceCalendarServer(HQ, { password: "new" });
    expect(await registry.openSecrets("hq")).toEqual({ password: "new" });
  });

  it("stay when not named, go when given as undefined, and go with their server", async () => {
    const { registry } = stores.open();
    await registry.replaceCalendarServer(HQ, { password: PASSWORD, token: "t" });
    await registry.replaceCalendarServer({ ...HQ, options: {} });
    expect(await registry.listSecretNames("hq")).toEqual(["password", "token"]);
    await registry.replaceCalendarServer(HQ, { token: undefined });
    expect(await registry.openSecrets("hq")).toEqual({ password: PASSWORD });
    await registry.deleteCalendarServer("hq");
    await registry.replaceCalendarServer(HQ);
    expect(await registry.listSecretNames("hq")).toEqual([]);
  });
});

describe("the key file", () => {
  let stores: TestStores;
  beforeEach(() => {
    stores = createTestStores();
  });
  afterEach(() => stores.end());

  it("is made once, for the gateway's account only, and nothing is left beside it", () => {
    const file = `${stores.directory}/key`;
    const key = loadSecretKey({ file });
    expect(loadSecretKey({ file }).equals(key)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(stores.directory)).toEqual(["key"]);
  });

  it("is not made when a key is given", () => {
    const file = `${stores.directory}/key`;
    expect(loadSecretKey({ text: Buffer.alloc(32, 7).toString("base64"), file })).toEqual(Buffer.alloc(32, 7));
    expect(existsSync(file)).toBe(false);
  });

  it("is refused when others may read it", () => {
    stores.open().close();
    for (const mode of [0o644, 0o640, 0o604]) {
      chmodSync(`${stores.path}.key`, mode);
      expect([mode, codeOf(() => stores.open())]).toEqual([mode, "store-key-exposed"]);
    }
  });

  it("is refused when it holds no key", () => {
    for (const text of [
      "",
      "too short",
      `${Buffer.alloc(32).toString("base64")}x`,
      Buffer.alloc(33).toString("base64"),
    ]) {
      writeFileSync(`${stores.path}.key`, text, { mode: 0o600 });
      expect([text, codeOf(() => stores.open())]).toEqual([text, "store-key-invalid"]);
    }
  });

  it("is named when it cannot be made", () => {
    expect(codeOf(() => loadSecretKey({ file: `${stores.directory}/missing/key` }))).toBe("store-unreadable");
  });

  it("takes the base64 text of 32 bytes and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(loadSecretKey({ text: ` ${text}\n`, file: "" })).toEqual(Buffer.from(bytes));
      }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        expect(codeOf(() => loadSecretKey({ text, file: "" }))).toBe("store-key-invalid");
      }),
    );
  });
});
