import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSectionStage } from "./section-stage.ts";

let stage: ReturnType<typeof createSectionStage>;
beforeEach(() => {
  stage = createSectionStage({ "sip-secret": "right-horse\n" });
});
afterEach(() => stage.end());

const load = (sections: string, environment?: NodeJS.ProcessEnv) => stage.load(sections, environment);

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
    expect(sip).toMatchObject({ ca: join(stage.folder, "ca.pem"), key: join(stage.folder, "key.pem") });
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
