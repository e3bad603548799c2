import { describe, expect, test } from "vitest";
import { describeDomain } from "../../src/admin/describe-domain.ts";
import { parseBareJid } from "../../src/core/addresses.ts";
import type { DomainAccess } from "../../src/ports/xmpp-link.ts";
import { createCommandStage } from "./command-stage.ts";

const domain = parseBareJid("example.com");
const PLAIN: DomainAccess = {
  domain,
  actsBy: "privilege",
  hasPresence: true,
  hasRoster: true,
  isModuleKnown: true,
  moduleFeatures: "",
};
const say = (access: Partial<DomainAccess>, hasContacts = false): string =>
  describeDomain({ domain, access: { ...PLAIN, ...access }, hasContacts });

describe("what status says of a domain", () => {
  test.each([
    [
      "overlay",
      say({ moduleInstance: "run-1" }),
      /^overlay: .* because the server has the gateway's module; .*privileged/,
    ],
    ["overlay and contacts", say({ moduleInstance: "run-1" }, true), /^overlay: .*; contact JIDs too/],
    ["contacts", say({ actsBy: "none" }, true), /^contact JIDs: .* no module .*; no activity/],
    ["PEP", say({ actsBy: "trusted" }), /^PEP only: .* no module .*contact-domains does not name it; .*trusted from$/],
    ["nothing", say({ actsBy: "none" }), /^none: .* no module .*does not let the gateway act/],
    ["not known yet", say({ isModuleKnown: false }), /^unknown: the server has not said/],
    ["offline", describeDomain({ domain, hasContacts: true }), /^unknown: .* not connected$/],
  ])("%s: which way its users are shown, and why", (_way, text, expected) => {
    expect(text).toMatch(expected);
  });

  test("stands in the answer to the command, one line a domain", async () => {
    const stage = createCommandStage();
    stage.live.domainList = [{ domain, access: PLAIN, hasContacts: true }];
    expect(await stage.say("status")).toMatch(/domain example\.com.*contact JIDs/);
  });
});
