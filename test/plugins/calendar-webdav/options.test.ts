import { describe, expect, it } from "vitest";
import definition from "../../../plugins/calendar-webdav/index.ts";

const LOGIN = { url: "https://mail.example.com/exchange/", account: "EXAMPLE\\svc", password: "secret" };

const problems = (options: Record<string, string>): readonly string[] => {
  const { error } = definition.options.safeParse(options);
  return error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
};

describe("the options of a webdav server", () => {
  it("are an address, an account and a password; the rest has defaults", () => {
    expect(definition.options.parse(LOGIN)).toEqual({ ...LOGIN, auth: "auto", notifications: "auto" });
    expect(definition.secrets).toEqual(["password", "proxy-password"]);
    expect(definition.summary).toContain("Legacy");
  });

  it.each([
    ["url", "http://mail.example.com/exchange/", "in clear"],
    ["url", "https://svc:secret@mail.example.com/exchange/", "options of their own"],
    ["auth", "kerberos", "auth"],
    ["notifications", "tcp", "notifications"],
    ["proxy", "http://proxy.example.com/path", "host and port"],
    ["calendar-name", "a/b", "one folder"],
    ["calendar-name", "", "calendar-name"],
    ["mailbox", "x", "mailbox"],
  ])("refuse %s=%s", (name, value, words) => {
    expect(problems({ ...LOGIN, [name]: value }).join()).toContain(words);
    expect(problems({ ...LOGIN, [name]: value }).join()).not.toContain("secret");
  });

  it("carry a description each, for the documentation", () => {
    for (const [name, schema] of Object.entries(definition.options.shape)) {
      expect(`${name}: ${schema.description}`).not.toContain("undefined");
    }
  });
});
