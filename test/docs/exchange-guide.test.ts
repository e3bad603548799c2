import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const guide = readFileSync(join(import.meta.dirname, "../../docs/EXCHANGE.md"), "utf8");
/** The commands of the guide, each on one line. */
const commands = [...guide.matchAll(/```powershell\n([\s\S]*?)```/g)]
  .flatMap(([, block = ""]) => block.replace(/(?:`|\|)\n\s*/g, "").split("\n"))
  .filter((line) => line !== "");

describe("the guide for Exchange's administrators", () => {
  it("[I6] [I7] assigns the role with a scope attached, and makes the scope before", () => {
    const assigned = commands.findIndex((line) => line.startsWith("New-ManagementRoleAssignment"));
    const [, scope = ""] = /-CustomRecipientWriteScope ("[^"]+")/.exec(commands[assigned] ?? "") ?? [];
    expect(commands[assigned]).toMatch(/-Role ApplicationImpersonation .*-CustomRecipientWriteScope "/);
    expect(commands.findIndex((line) => line.startsWith(`New-ManagementScope -Name ${scope}`))).toBe(assigned - 1);
    for (const line of commands)
      if (/ManagementRoleAssignment "|RoleAssignment -Name/.test(line)) expect(line).toContain(scope);
  });

  it("[I9] [I10] [H10] says how each right and each policy is verified", () => {
    for (const check of [
      "Get-ManagementRoleAssignment",
      "Get-ManagementScope",
      "Get-ADPermission",
      "Get-ThrottlingPolicyAssociation",
    ]) {
      expect(commands.some((line) => line.includes(check))).toBe(true);
    }
  });

  it("[I2] names the rights of 2007 as Active Directory does, and gives no more than these two", () => {
    const rights = commands.flatMap((line) => /-(?:ExtendedRights|AccessRights) (\S+)/.exec(line)?.[1] ?? []);
    expect(new Set(rights)).toEqual(new Set(["ms-Exch-EPI-Impersonation", "ms-Exch-EPI-May-Impersonate"]));
  });

  it("[H4] [H9] takes no limit away, and changes no policy but one of its own", () => {
    for (const line of commands) {
      expect(line).not.toMatch(/-Ews\w+[: ](?:\$?null|unlimited)/i);
      expect(line).not.toMatch(/^Set-ThrottlingPolicy /);
    }
  });

  it("explains every step of the test, every status and every impersonation error", () => {
    const steps = ["DNS", "TCP", "proxy", "TLS", "HTTP", "login", "version", "availability", "subscription", "scope"];
    for (const step of [...steps, "impersonation by SMTP address"]) expect(guide).toContain(`\n| ${step} | `);
    const statuses = ["Certificate Missing From Chain", "SAN Mismatch", "Bad Certificates", "Network Error"];
    for (const status of statuses) expect(guide).toContain(`Failed - ${status}`);
    for (const error of ["Denied", "UserDenied", "Failed"]) {
      expect(guide).toContain(`\n| ErrorImpersonat${error === "UserDenied" ? "e" : "ion"}${error} | `);
    }
  });
});
