import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSectionStage } from "./section-stage.ts";

let stage: ReturnType<typeof createSectionStage>;
beforeEach(() => {
  stage = createSectionStage({ "ldap-password": "right-horse\n" });
});
afterEach(() => stage.end());

const load = (sections: string, environment?: NodeJS.ProcessEnv) => stage.load(sections, environment).directories;

const PLAIN = `[directory.hq]
kind = "openldap"
url = "ldaps://ldap.example.com"
base = "dc=example,dc=com"
`;

describe("the sections [directory.<name>]", () => {
  it("may be absent", () => {
    expect(load("")).toEqual([]);
  });

  it("need kind, URL and base; without template everybody is enabled", () => {
    const [hq] = load(PLAIN);
    expect(hq?.settings).toEqual({
      name: "hq",
      templates: [{ isEnabled: true }],
      interval: 3_600_000,
      fullInterval: 86_400_000,
      mostRemovedPercent: 10,
      takesOver: false,
    });
    expect(hq?.options).toMatchObject({ groups: [""], jid: "{mail}", "page-size": 500, "start-tls": true });
  });

  it("have templates in their order, secrets from files and files beside the configuration", () => {
    const [hq] = load(`${PLAIN}bind-dn = "cn=gateway"
password = { file = "ldap-password" }
ca = "ca.pem"
[[directory.hq.template]]
group = "cn=board,dc=example,dc=com"
enabled = false
[[directory.hq.template]]
gateway = "main"
locale = "de_at"
`);
    expect(hq?.settings.templates).toEqual([
      { isEnabled: false },
      { isEnabled: true, gateway: "main", locale: "de-AT" },
    ]);
    expect(hq?.options).toMatchObject({
      groups: ["cn=board,dc=example,dc=com", ""],
      password: "right-horse",
      ca: join(stage.folder, "ca.pem"),
    });
  });

  it.each([
    ["a login without password", `${PLAIN}bind-dn = "cn=gateway"`, "directory.hq.password: is missing"],
    [
      "a file that is not there",
      `${PLAIN}bind-dn = "cn=a"\npassword = { file = "none" }`,
      "directory.hq.password: cannot read",
    ],
    [
      "a name that no command could have",
      PLAIN.replace("hq", '"Head Quarters"'),
      "directory.Head Quarters: a name has 1 to 63",
    ],
    [
      "a gateway that can be none",
      `${PLAIN}[[directory.hq.template]]\ngateway = "a b"`,
      "template.0.gateway: a name has",
    ],
    ["an unknown setting", `${PLAIN}filtr = "(a=b)"`, "directory.hq.filtr: no such setting"],
    ["a locale that is none", `${PLAIN}[[directory.hq.template]]\nlocale = "!"`, "directory.hq.template.0.locale"],
    [
      "a password in clear",
      `${PLAIN.replace("ldaps", "ldap")}bind-dn = "cn=a"\npassword = "horse"\nstart-tls = false`,
      "directory.hq.start-tls",
    ],
  ])("are refused by path with %s, and never show the password", (_, section, problem) => {
    expect(() => load(section)).toThrow(problem);
    expect(() => load(section)).not.toThrow("horse");
  });

  it("are as docs/DIRECTORY.md shows them", () => {
    const guide = readFileSync(join(import.meta.dirname, "../../docs/DIRECTORY.md"), "utf8");
    const examples = [...guide.matchAll(/```toml\n(.*?)```/gs)].map(([, text = ""]) =>
      text.replace("/etc/presence-gateway/ldap-password", "ldap-password"),
    );
    const loaded = examples.map((text) => load(text, { LDAP_PASSWORD: "horse" })[0]);
    expect(loaded.map((each) => each?.options.kind)).toEqual(["active-directory", "openldap"]);
    expect(loaded[0]?.settings.templates.map(({ isEnabled }) => isEnabled)).toEqual([false, true, true]);
  });
});
