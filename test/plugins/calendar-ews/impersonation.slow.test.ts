import { describe, expect, it } from "vitest";
import { encodeImpersonatedRequest, type Impersonated } from "../../../plugins/calendar-ews/impersonation.ts";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { schemaErrors, whyNoSchemaCheck } from "../../doubles/exchange/schema-check.ts";

const WHO: readonly Impersonated[] = [
  parseMailbox("alice&o'hara@example.com"),
  { kind: "PrincipalName", value: "alice&co@example.com" },
  { kind: "SID", value: "S-1-5-21-1004336348-1177238915-682003330-1104" },
];

describe("the request that tries an impersonation", () => {
  const reason = whyNoSchemaCheck();
  if (reason) console.log(`requests are not validated: ${reason}`);

  it.skipIf(reason !== undefined).each([
    ["o365", "Exchange2013_SP1"],
    ["ex2013sp1", "Exchange2013_SP1"],
    ["ex2010sp2", "Exchange2010_SP1"],
    ["ex2007sp1", "Exchange2007_SP1"],
  ] as const)("[I4] is valid by Microsoft's schema %s, by every name", (schema, version) => {
    const requests = WHO.map((who) =>
      encodeImpersonatedRequest("Exchange2013_SP1", who).replace("Exchange2013_SP1", version),
    );
    expect(schemaErrors(requests, schema)).toBe("");
  });

  it("names the identity by what it is, escaped", () => {
    const [byAddress, byName, bySid] = WHO.map((who) => encodeImpersonatedRequest("Exchange2013_SP1", who));
    expect(byAddress).toContain("<t:PrimarySmtpAddress>alice&amp;o&apos;hara@example.com</t:PrimarySmtpAddress>");
    expect(byName).toContain("<t:PrincipalName>alice&amp;co@example.com</t:PrincipalName>");
    expect(bySid).toContain("<t:SID>S-1-5-21-1004336348-1177238915-682003330-1104</t:SID>");
  });
});
