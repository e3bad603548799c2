import { describe, expect, it } from "vitest";
import definition from "../../../plugins/calendar-graph/index.ts";
import { CLOUD_NAMES, nationalCloud } from "../../../plugins/shared-microsoft/national-clouds.ts";
import { CLIENT, SECRET, TENANT } from "./scenario.ts";

const given = { tenant: TENANT, client: CLIENT, secret: SECRET };
const problems = (options: Readonly<Record<string, unknown>>): readonly string[] => {
  const checked = definition.options.safeParse(options);
  return checked.success ? [] : checked.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
};

describe("the options of type=office365", () => {
  it("[G9] [G10] are tenant, client and secret, as the registration shows them; all else has a default", () => {
    expect(definition.name).toBe("office365");
    expect(definition.options.parse(given)).toEqual({
      ...given,
      cloud: "global",
      "mailbox-settings": "auto",
      api: "graph",
      "batch-size": 20,
      "max-requests": 4,
      notifications: "auto",
    });
    expect(definition.secrets).toEqual(["secret", "proxy-password"]);
  });

  it("[G10] take a certificate in place of the secret, but not both and not none", () => {
    const { secret: _, ...without } = given;
    expect(problems({ ...without, certificate: "/etc/gateway/office365.pem" })).toEqual([]);
    expect(problems({ ...given, certificate: "/etc/gateway/office365.pem" })).toHaveLength(1);
    expect(problems(without)).toEqual(["secret: either a secret or a certificate is needed"]);
  });

  it("take a domain for the tenant, capitals, and numbers as text", () => {
    const text = { ...given, tenant: " Example.onmicrosoft.com", client: CLIENT.toUpperCase(), "batch-size": "100" };
    expect(definition.options.parse(text)).toMatchObject({
      tenant: "example.onmicrosoft.com",
      client: CLIENT,
      "batch-size": 100,
    });
  });

  it.each([
    [{ tenant: "common/../x" }],
    [{ tenant: "common" }],
    [{ client: "my application" }],
    [{ secret: "line\nbreak" }],
    [{ "batch-size": "0" }],
    [{ "batch-size": "101" }],
    [{ cloud: "germany" }],
    [{ api: "imap" }],
    [{ "login-url": "https://login.example.com" }],
    [{ "login-url": "http://login.example.com", "graph-url": "https://graph.example.com" }],
    [{ "login-url": "https://login.example.com/x", "graph-url": "https://graph.example.com" }],
    [{ proxy: "http://user:password@proxy.example.com" }],
    [{ colour: "red" }],
  ])("refuse %j, and do not quote a secret", (wrong) => {
    const found = problems({ ...given, ...wrong });
    expect(found.length).toBeGreaterThan(0);
    expect(found.join()).not.toMatch(/line\nbreak|se~cret/);
  });

  it("know the national clouds, each with an authority and a Graph of its own", () => {
    const clouds = CLOUD_NAMES.map(nationalCloud);
    expect(clouds.map(({ authority, graph }) => `${authority.host} ${graph.host}`)).toEqual([
      "login.microsoftonline.com graph.microsoft.com",
      "login.microsoftonline.us graph.microsoft.us",
      "login.microsoftonline.us dod-graph.microsoft.us",
      "login.chinacloudapi.cn microsoftgraph.chinacloudapi.cn",
    ]);
  });
});
