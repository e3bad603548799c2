import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/shell/config-file.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sip-section-"));
  writeFileSync(join(directory, "sip-secret"), "right-horse\n");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const OTHERS = `[xmpp]
service = "xmpp://127.0.0.1:5347"
component = "calendar.example.com"
secret = "component secret"
domains = ["example.com"]
admins = []
[store]
path = "gateway.db"
`;

function load(section: string, environment: NodeJS.ProcessEnv = {}) {
  const path = join(directory, "gateway.toml");
  writeFileSync(path, `${OTHERS}${section}`);
  return loadConfig(path, environment);
}

describe("the section [sip]", () => {
  it("may be absent: then nothing is done by SIP", () => {
    expect(load("").sip).toBeUndefined();
  });

  it("needs a server, and has defaults for everything else", () => {
    expect(load('[sip]\nserver = "presence.example.com"').sip).toEqual({
      server: "presence.example.com",
      transport: "tcp",
      expires: 3600,
      max_per_second: 500,
      window: 200,
      phones: "presence, dialog",
      subscriptions_per_second: 100,
    });
    expect(() => load("[sip]\nexpires = 600")).toThrow(/sip\.server: is missing/);
  });

  it("finds the secret in a file or the environment, and files beside the configuration", () => {
    const login = 'user = "gateway"\nsecret = { file = "sip-secret" }';
    const files = 'ca = "ca.pem"\ncertificate = "/etc/gateway.pem"\nkey = "key.pem"';
    const { sip } = load(`[sip]\nserver = "a.example.com:5066"\ntransport = "tls"\n${login}\n${files}`);
    expect(sip).toMatchObject({ user: "gateway", secret: "right-horse", certificate: "/etc/gateway.pem" });
    expect(sip).toMatchObject({ ca: join(directory, "ca.pem"), key: join(directory, "key.pem") });
    const byName = '[sip]\nserver = "a.example.com"\nuser = "gateway"\nsecret = { env = "SIP_SECRET" }';
    expect(load(byName, { SIP_SECRET: "from outside" }).sip).toMatchObject({ secret: "from outside" });
    expect(() => load(byName)).toThrow(/sip\.secret: the environment variable SIP_SECRET is not set/);
  });

  it("names every problem at once, and no secret", () => {
    const wrong = `[sip]
server = "not a host"
transport = "sctp"
secret = "right-horse"
certificate = "gateway.pem"
expires = 5
max-per-second = 3
phones = "all"`;
    const message = (() => {
      try {
        load(wrong);
      } catch (error) {
        return error instanceof Error ? error.message : "";
      }
      return "";
    })();
    expect(message).toMatch(/sip\.server: /);
    expect(message).toMatch(/sip\.transport: must be one of: udp, tcp, tls/);
    expect(message).toMatch(/sip\.expires: /);
    expect(message).toMatch(/sip\.phones: must be presence, dialog/);
    expect(message).toMatch(/sip\.max-per-second: no such setting; did you mean max_per_second\?/);
    expect(message).not.toContain("right-horse");
  });

  it.each([
    ['user = "gateway"', /sip\.secret: is missing: it belongs to user/],
    ['secret = "right-horse"', /sip\.user: is missing: it belongs to secret/],
    ['certificate = "a.pem"', /sip\.key: is missing: it belongs to certificate/],
  ])("refuses one half of a pair: %s", (line, expected) => {
    expect(() => load(`[sip]\nserver = "a.example.com"\n${line}`)).toThrow(expected);
  });
});
