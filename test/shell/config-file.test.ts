import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/ports/errors.ts";
import { type LoadedConfig, loadConfig } from "../../src/shell/config-file.ts";

const folder = mkdtempSync(join(tmpdir(), "config-"));
const file = join(folder, "gateway.toml");
afterAll(() => rmSync(folder, { recursive: true }));

const XMPP = `
[xmpp]
service = "xmpp://127.0.0.1:5347"
component = "presence.example.com"
secret = "s3cret-word"
domains = ["example.com"]
admins = ["alice@example.com"]
`;
const STORE = `
[store]
path = "gateway.db"
`;

function load(text: string | Buffer, environment: NodeJS.ProcessEnv = {}): LoadedConfig {
  writeFileSync(file, text);
  return loadConfig(file, environment);
}

/** What is said of the file, with the code. */
function refusal(text: string | Buffer, environment: NodeJS.ProcessEnv = {}): string {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof GatewayError) return `${error.code} ${error.message}`;
  }
  return "nothing";
}

describe("the configuration file", () => {
  it("serves metrics nowhere unless told, and to this machine alone when only a port is given", () => {
    const listen = (line: string) => load(`${XMPP}${STORE}[metrics]\n${line}\n`).metrics.listen;
    expect(listen("")).toBeUndefined();
    expect(listen('listen = "9464"')).toEqual({ host: "127.0.0.1", port: 9464 });
    expect(listen("listen = 9464")).toEqual({ host: "127.0.0.1", port: 9464 });
    expect(listen('listen = "[::]:9464"')).toEqual({ host: "::", port: 9464 });
    expect(refusal(`${XMPP}${STORE}[metrics]\nlisten = "99999"\n`)).toContain("is not an address");
    expect(refusal(`${XMPP}${STORE}[metrics]\nlisten = 99999\n`)).toContain("is not an address");
    expect(refusal(`${XMPP}${STORE}[metrics]\nlisten = "localhost"\n`)).toContain('"localhost" is not an address');
  });

  it("needs an XMPP server and a store; paths start where the file is", () => {
    const config = load(XMPP + STORE);
    expect(config.xmpp.service).toEqual({ host: "127.0.0.1", port: 5347 });
    expect([config.componentSecret, config.storePath]).toEqual(["s3cret-word", join(folder, "gateway.db")]);
    expect(refusal("")).toMatch(/^config-invalid [\s\S]*xmpp: is missing\n {2}store: is missing/);
  });

  it("names every problem at once, and the setting that was probably meant", () => {
    const text = `${XMPP.replace("domains", "domans")}\n[store]\npath = 5\n[log]\nlevel = "loud"\n`;
    const said = refusal(text);
    expect(said).toContain("xmpp.domans: no such setting; did you mean domains?");
    expect(said).toContain("store.path: must be of type string");
    expect(said).toContain("log.level: must be one of: ");
  });

  it("takes secrets from files and from the environment, and says which of them is missing", () => {
    writeFileSync(join(folder, "secret"), "from-the-file\nnot this line\n");
    const from = (source: string) => XMPP.replace('"s3cret-word"', source) + STORE;
    expect(load(from('{ file = "secret" }')).componentSecret).toBe("from-the-file");
    expect(load(from('{ env = "WORD" }'), { WORD: "from-outside" }).componentSecret).toBe("from-outside");
    expect(refusal(from('{ env = "WORD" }'))).toContain("xmpp.secret: the environment variable WORD is not set");
    expect(refusal(from('{ file = "nowhere" }'))).toContain("xmpp.secret: cannot read ");
    expect(refusal(from("7"))).toContain('xmpp.secret: must be a string, { file = "…" } or { env = "…" }');
  });

  it("says where it is no TOML and quotes nothing, for the line may hold a secret", () => {
    const said = refusal(XMPP.replace('"s3cret-word"', '"s3cret-word'));
    expect(said).toMatch(/^config-invalid .* is not TOML: syntax error at line 5, column \d+: [a-z ]+$/);
    expect(said).not.toContain("s3cret");
    expect(refusal(`${XMPP}secret = "another-s3cret"\n${STORE}`)).toMatch(
      /line 8, column \d+: trying to redefine[a-z ]+$/,
    );
  });

  it.each([
    ["is not UTF-8", Buffer.from([0x5b, 0xff, 0x5d])],
    ["is too large", `# ${"x".repeat(1_048_577)}`],
  ])("is refused when it %s", (_what, text) => {
    expect(refusal(text)).toMatch(/^config-unreadable cannot read the configuration file /);
  });

  it("lets a component connection leave this machine only when its host is named", () => {
    const remote = XMPP.replace("127.0.0.1", "xmpp.example.com");
    expect(refusal(remote + STORE)).toContain("xmpp.example.com is another machine");
    expect(refusal(`${remote}allow-plain-text-to = ["xmpp.example.com"]\n${STORE}`)).toBe("nothing");
  });

  it.each([
    [["domains", '["alice@example.com"]'], 'xmpp.domains.0: "alice@example.com" is somebody\'s JID, not a domain'],
    [["component", '"gw@presence.example.com"'], 'xmpp.component: "gw@presence.example.com" is somebody\'s JID'],
    [["component", '"Example.com"'], "xmpp.component: example.com is in xmpp.domains"],
    [["secret", '""'], "xmpp.secret: must not be empty"],
    [["domains", "[]"], "xmpp.domains: must not be empty"],
  ] as const)("refuses %s in words of its own", ([name, value], words) => {
    expect(refusal(XMPP.replace(new RegExp(`^${name} = .*$`, "m"), `${name} = ${value}`) + STORE)).toContain(words);
  });

  it("refuses a store whose control socket could not be made", () => {
    const given = (name: string): string => `${XMPP}[store]\npath = "/var/${name}.db"\n`;
    expect(refusal(given("a".repeat(94)))).toBe("nothing"); // 5 + 94 + 3 + 5 bytes with .sock
    expect(refusal(given("a".repeat(95)))).toMatch(/store\.path: \/var\/a+\.db is 1 bytes too long/);
  });

  it("says the bounds of numbers", () => {
    const given = (text: string): string => refusal(`${XMPP}${STORE}[sip]\nserver = "127.0.0.1:5060"\n${text}\n`);
    expect(given("expires = 1")).toContain("sip.expires: must be at least 60");
    expect(given("expires = 100000000")).toContain("sip.expires: must be at most ");
  });

  it("has contact JIDs for domains that are served, and for no other", () => {
    const given = (domain: string): string => `${XMPP}contact-domains = ["${domain}"]\n${STORE}`;
    expect(load(given("example.com")).xmpp).toMatchObject({
      "contact-domains": ["example.com"],
      "contact-watchers": "own-domain",
    });
    expect(refusal(given("example.net"))).toContain("xmpp.contact-domains: example.net is not in xmpp.domains");
  });
});

describe("[notifications]", () => {
  const given = (text: string): string => `${XMPP}${STORE}[notifications]\n${text}`;

  it("has webhooks by a certificate and key, whose paths start where the file is", () => {
    const { notifications } = load(given('certificate = "gw.pem"\nkey = "/etc/gw.key"\nwebhook-listen = "[::1]:8443"'));
    expect(notifications).toMatchObject({
      certificate: join(folder, "gw.pem"),
      key: "/etc/gw.key",
      "webhook-listen": { host: "::1", port: 8443 },
    });
  });

  it("has webhooks behind a reverse proxy by their public URL", () => {
    const { notifications } = load(given('public-url = "https://gw.example.com/graph"'));
    expect(notifications["public-url"]).toBe("https://gw.example.com/graph");
  });

  it.each([
    ['certificate = "gw.pem"', "notifications.certificate and notifications.key belong together"],
    ['public-url = "http://gw.example.com/"', "must be an https:// URL without account, query and fragment"],
    ['public-url = "https://alice:word@gw.example.com/"', "must be an https:// URL"],
    ['public-url = "https://gw.example.com/?a=b"', "must be an https:// URL"],
    ['webhook-listen = "8443"', "is not an address such as 127.0.0.1:9464"],
    ['webhook-listen = "127.0.0.1:99999"', "is not an address"],
    ['listen = "localhost"', "must be an IP address of this machine"],
    ['address = "no host"', "must be a host name or an IP address"],
  ])("refuses %s", (text, words) => {
    expect(refusal(given(text))).toContain(words);
  });
});
