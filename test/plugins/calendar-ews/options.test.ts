import { describe, expect, it } from "vitest";
import definition from "../../../plugins/calendar-ews/index.ts";

const CLIENT = "11111111-2222-4333-8444-555555555555";
const LOGIN = { url: "https://mail.example.com/EWS/Exchange.asmx", account: "EXAMPLE\\svc", password: "secret" };

const problems = (options: Record<string, string>): readonly string[] => {
  const { error } = definition.options.safeParse(options);
  return error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
};

describe("the options of an ews server", () => {
  it("are an address, an account and a password; the rest has defaults", () => {
    const defaults = { auth: "auto", notifications: "auto", autodiscover: "off" };
    expect(definition.options.parse(LOGIN)).toEqual({ ...LOGIN, ...defaults });
    expect(definition.secrets).toEqual(["password", "secret", "proxy-password"]);
  });

  it("are an application for Office 365, whose endpoint is known", () => {
    const application = {
      auth: "oauth",
      tenant: "example.com",
      client: CLIENT,
      secret: "s",
    };
    expect(problems(application)).toEqual([]);
    expect(problems({ ...application, cloud: "china" })).toEqual([]);
    expect(problems({ ...application, cloud: "usgov-dod" })).toEqual(["url: is missing"]);
  });

  it.each([
    [{}, ["url: is missing", "account: is missing", "password: is missing"]],
    [{ ...LOGIN, tenant: "example.com" }, ["tenant: is for auth=oauth only"]],
    [{ auth: "oauth" }, ["tenant: is missing", "client: is missing", "secret: or certificate is missing"]],
    [
      {
        ...LOGIN,
        auth: "oauth",
        tenant: "example.com",
        client: CLIENT,
        secret: "s",
        certificate: "/c.pem",
        autodiscover: "on",
      },
      [
        "account: is not used with auth=oauth",
        "password: is not used with auth=oauth",
        "certificate: must not be given beside secret",
        "autodiscover: must be off with auth=oauth",
      ],
    ],
    [
      { auth: "oauth", tenant: "!", secret: "s" },
      ["tenant: must be a Directory (tenant) ID, or a domain of the tenant", "client: is missing"],
    ],
  ])("name each problem of a login: %j", (options, expected) => {
    expect(problems(options)).toEqual(expected);
  });

  it.each([
    "https://mail.example.com",
    "https://mail.example.com:8443/ews/exchange.asmx",
    "http://localhost:8080/EWS/Exchange.asmx",
    "http://127.0.0.1/",
    "http://[::1]:81/",
  ])("[G3] [G13] allow the address %s, with any port", (url) => {
    expect(problems({ ...LOGIN, url })).toEqual([]);
  });

  it.each([
    ["http://mail.example.com/EWS/Exchange.asmx", "in clear"],
    ["http://127.0.0.1.example.com/", "in clear"],
    ["http://localhost.example.com/", "in clear"],
    ["ftp://mail.example.com/", "https://"],
    ["https://svc:secret@mail.example.com/", "options of their own"],
    ["mail.example.com", "must"],
    ["", "must be a URL"],
  ])("[A3b] refuse the address %s", (url, words) => {
    expect(problems({ ...LOGIN, url }).join()).toContain(words);
    expect(problems({ ...LOGIN, url }).join()).not.toContain("secret");
  });

  it("name every problem at once, unknown options too, and no password", () => {
    const found = problems({ url: "x", account: "a:b", password: "top\nsecret", auth: "ntml", passwort: "top" });
    expect(found.map((problem) => problem.split(":")[0]).sort()).toEqual(["", "account", "auth", "password", "url"]);
    expect(found.join()).toContain("passwort");
    expect(found.join()).not.toContain("top");
  });

  it("carry a description each, for the documentation", () => {
    for (const [name, schema] of Object.entries(definition.options.shape)) {
      expect(`${name}: ${schema.description ?? schema.meta()?.description}`).not.toContain("undefined");
    }
  });
});
