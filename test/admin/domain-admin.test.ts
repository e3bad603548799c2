import { describe, expect, it } from "vitest";
import { findAdministrator } from "../../src/admin/authorization.ts";
import { LOCAL_ADMINISTRATOR } from "../../src/admin/command.ts";
import { drawPieces } from "../../src/admin/draw-progress.ts";
import { drawError } from "../../src/admin/draw-text.ts";
import { runCommandLine } from "../../src/admin/run-command-line.ts";
import { parseBareJid } from "../../src/core/addresses.ts";
import { toGatewayError } from "../../src/ports/errors.ts";
import { actorOf, createCommandStage } from "./command-stage.ts";

const CAROL = parseBareJid("carol@example.org");

/** Two domains with users; what carol of example.org says. */
async function createDomainStage() {
  const stage = createCommandStage();
  await stage.seed("alice@example.com", "bob@example.org");
  const services = { ...stage.services, domainAdmins: [CAROL] };
  const sayAs = async (jid: string, text: string): Promise<string> => {
    try {
      const context = { ...services, actor: actorOf(jid, "user") };
      const pieces = drawPieces(await runCommandLine(context, text, new AbortController().signal));
      for (;;) {
        const { done, value } = await pieces.next();
        if (done) return value.text;
      }
    } catch (error) {
      return drawError(toGatewayError(error));
    }
  };
  return { ...stage, sayAs, say: (text: string) => sayAs(CAROL, text) };
}

describe("an administrator of one domain", () => {
  it("enables, changes and disables its users", async () => {
    const { say, registry } = await createDomainStage();
    expect(await say("user enable alice@example.org locale=de")).toMatch(/is enabled/);
    expect(await say("user disable bob@example.org")).toMatch(/is disabled/);
    expect(registry.audit).toMatchObject([{ actor: CAROL }, { actor: CAROL }]);
    expect((await say("user list")).split("\n")).toHaveLength(3);
  });

  it.each([
    "user enable bob@example.com",
    "user disable alice@example.com",
    "user set alice@example.com locale=de",
    "user set alice@EXAMPLE.com locale=de",
    "user show alice@example.com",
    "locale set alice@example.com de",
    "why alice@example.com",
    "refresh alice@example.com",
    "user enable eve@sub.example.org",
  ])("has nothing to do with others: %s", async (text) => {
    const { say, users } = await createDomainStage().then((stage) => ({ ...stage, users: [...stage.registry.users] }));
    expect(await say(text)).toBe("You are administrator of example.org only. [command-forbidden]");
    expect(users).toHaveLength(2);
  });

  it.each([
    "status",
    "gateway list",
    "gateway add x type=ews",
    "parameter set stale-limit 60",
    "audit",
    "certificate list",
  ])("has no command for the gateway itself: %s", async (text) => {
    const { say } = await createDomainStage();
    expect(await say(text)).toMatch(/command-(unknown|forbidden)/);
    expect(await say("help")).not.toContain(text.split(" ", 2).join(" "));
  });

  it("imports and exports its users only, and sees no other administrator's lists", async () => {
    const { say, services, registry } = await createDomainStage();
    await services.imports.keep({
      text: "jid\n",
      summary: "",
      readAt: services.clock.now(),
      readBy: "alice@example.com",
    });
    expect(await say("user import\njid\ndave@example.org\ndave@example.com")).toMatch(
      /^2 rows: 1 new, .* 1 wrong\.\nWrong: line 3: you are administrator of example\.org only/,
    );
    expect((await say("user import list")).split("\n")).toHaveLength(2);
    expect(await say("user import apply 1")).toMatch(/There is no import 1/);
    expect(await say("user import cancel 1")).toMatch(/There is no import 1/);
    expect(await say("user import apply 2")).toMatch(/^Import 2 is applied/);
    expect([...registry.users.keys()].sort()).toEqual(["alice@example.com", "bob@example.org", "dave@example.org"]);
  });

  it.each(["carol@example.com", "carol2@example.org", "arol@example.org"])("is none by likeness: %s", async (jid) => {
    const { sayAs } = await createDomainStage();
    expect(await sayAs(jid, "user disable bob@example.org")).toMatch(/command-forbidden/);
    expect(await sayAs(jid, "me")).toMatch(/not a user|no user|enable/i);
  });

  it("stands by its name for what is done later, and nobody else does", () => {
    const known = { admins: [parseBareJid("alice@example.com")], domainAdmins: [CAROL] };
    expect(findAdministrator(CAROL, known)).toEqual({ name: CAROL, role: "admin", domains: ["example.org"] });
    expect(findAdministrator("alice@example.com", known)).toEqual({ name: "alice@example.com", role: "admin" });
    expect(findAdministrator(LOCAL_ADMINISTRATOR.name, known)).toBe(LOCAL_ADMINISTRATOR);
    expect(findAdministrator("bob@example.org", known)).toBeUndefined();
  });
});
