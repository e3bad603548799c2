import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forbiddenError } from "../../../plugins/calendar-ews/forbidden.ts";

const OF_ACCOUNT = { isApplication: false };
const OF_APPLICATION = { isApplication: true };

const refused = (body: string, diagnostics?: string) => forbiddenError({ body, diagnostics }, "mail", OF_ACCOUNT);

describe("an answer that EWS is forbidden", () => {
  it.each([
    ["<p>EWS is disabled for this tenant.</p>", "ews-disabled-by-tenant"],
    ["Exchange Web Services is disabled for this organisation.", "ews-disabled-by-tenant"],
    ["EwsEnabled: EWS has been turned off", "ews-disabled-by-tenant"],
    ["The application is not allowed to use EWS in this organization.", "ews-application-not-allowed"],
    ["EWS is blocked by EwsApplicationAccessPolicy.", "ews-application-not-allowed"],
    ["App ID 0-1 is not in EwsAllowedAppIDs; EWS access denied", "ews-application-not-allowed"],
    ["EWS is not enabled for the mailbox.", "ews-mailbox-blocked"],
    ["EWS is not available with this license.", "ews-mailbox-blocked"],
    ["<html><title>Blocked</title>The user may not pass this proxy.</html>", "ews-forbidden"],
    ["Access denied", "ews-forbidden"],
    ["", "ews-forbidden"],
  ])("and says %j is %s", (text, code) => {
    expect(refused(text).code).toBe(code);
    expect(refused("", `4000000;reason="${text.replaceAll(/<[^>]*>/g, "")}";error_category="x"`).code).toBe(code);
  });

  it("means that the service is withdrawn where that is said, and for an application always", () => {
    expect(refused("EWS is disabled for this tenant.").isWithdrawn).toBe(true);
    expect(refused("").isWithdrawn).toBe(false);
    expect(forbiddenError({ body: "", diagnostics: undefined }, "mail", OF_APPLICATION).isWithdrawn).toBe(true);
  });

  it("is told in one line of bounded length, with what to do", () => {
    const { message } = refused(`<script>alert(1)</script>EWS is\n disabled for\tthis tenant ${"x".repeat(99_999)}`);
    expect(message).toMatch(/^mail: EWS is forbidden \(EWS is disabled for this tenant x+\)\. Add a gateway/);
    expect(message.length).toBeLessThan(1000);
  });

  it("may say anything, in no time", () => {
    const bytes = fc.oneof(fc.string(), fc.constantFrom("<", ">", "<script", "EWS ", "disabled ", "<".repeat(9000)));
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 30 }), fc.option(fc.string(), { nil: undefined }), (parts, header) => {
        const error = refused(parts.join(""), header);
        expect(error.message).not.toMatch(/[\n\r]/);
        expect(error.message.length).toBeLessThan(1000);
      }),
    );
  });
});
