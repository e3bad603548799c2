import { describe, expect, it } from "vitest";
import { hours } from "../../../src/lib/time.ts";
import { gatewayError } from "../calendar-ews/scenario.ts";
import { ALICE, BOB, CAROL, DAY, type Scenario, useScenarios } from "./scenario.ts";

const start = useScenarios();

const isRead = async ({ source, signal }: Scenario): Promise<boolean> => {
  const results = await source.fetchBusyTime([ALICE, BOB, CAROL], DAY, signal);
  return results.every((result) => !("error" in result));
};

describe("forms-based authentication", () => {
  it.each([2003, 2007] as const)("of Exchange %i signs in once for all mailboxes", async (forms) => {
    const given = await start({ server: { forms }, options: { auth: "forms" } });
    expect(await isRead(given)).toBe(true);
    expect(await isRead(given)).toBe(true);
    expect(given.server.forms?.attempts).toBe(1);
  });

  it("is taken by auth=auto where the server sends clients to its login page", async () => {
    const given = await start({ server: { forms: 2007 } });
    expect(await isRead(given)).toBe(true);
    expect(given.server.forms?.attempts).toBe(1);
  });

  it("asks for a long session, and signs in once again when it has ended (440)", async () => {
    const given = await start({ server: { forms: 2003 }, options: { auth: "forms" } });
    await isRead(given);
    await given.runtime.clock.advance(hours(23));
    expect(await isRead(given)).toBe(true);
    expect(given.server.forms?.attempts).toBe(1);
    given.server.forms?.expire();
    expect(await isRead(given)).toBe(true);
    expect(given.server.forms?.attempts).toBe(2);
  });

  it("whose password is refused is tried once, and then rests", async () => {
    const given = await start({ server: { forms: 2003 }, options: { auth: "forms", password: "wrong" } });
    for (let round = 0; round < 3; round++) {
      const error = await gatewayError(given.source.fetchBusyTime([ALICE, BOB, CAROL], DAY, given.signal));
      expect(error).toMatchObject({ code: "webdav-unauthorized", type: "auth" });
      expect(error.message).not.toContain("wrong");
    }
    expect(given.server.forms?.attempts).toBe(1);
    expect(given.source.health().state).toBe("down");
  });

  it("is named as the remedy where another login was asked for", async () => {
    const given = await start({ server: { forms: 2003 }, options: { auth: "basic" } });
    const error = await gatewayError(given.source.fetchBusyTime([ALICE], DAY, given.signal));
    expect(error.code).toBe("webdav-login-not-offered");
    expect(error.message).toContain("auth=forms");
  });

  it("where there is none is an error that names the server's logins as the remedy", async () => {
    const given = await start({ options: { auth: "forms" } });
    const error = await gatewayError(given.source.fetchBusyTime([ALICE], DAY, given.signal));
    expect(error.code).toBe("webdav-login-not-offered");
    expect(error.message).toContain("auth=auto");
  });

  it("sends the password to the configured server, whatever server the login page is said to be on", async () => {
    // The simulated server says that its page is on mail.example.com, which does not exist.
    const given = await start({ server: { forms: 2003 }, options: { auth: "forms" } });
    expect(await isRead(given)).toBe(true);
  });
});
