import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Attribute, Change } from "ldapts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { type GatewayProcess, prepareAlone } from "../../lab/gateway-process.ts";
import { administer } from "../../lab/ldap-scene.ts";
import {
  BASE,
  composeLdif,
  hasSlapd,
  personDn,
  ROOT_DN,
  ROOT_PASSWORD,
  type Slapd,
  startSlapd,
} from "../../lab/slapd.ts";

if (!hasSlapd()) console.log("skipped: the Debian package slapd is not installed");

const PRESENCE = `cn=presence,ou=groups,${BASE}`;
const people = ["alice", "bob", "carol"].map((uid) => ({ uid }));

describe.runIf(hasSlapd())("the program with a section [directory.hq]", () => {
  const folder = mkdtempSync(join(tmpdir(), "directory-program-"));
  const authority = createTlsAuthority();
  let slapd: Slapd;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    slapd = await startSlapd({
      ldif: composeLdif(people, { presence: ["alice", "bob"] }),
      tls: authority.issue({ names: ["localhost"] }),
    });
    gateway = await prepareAlone(folder, "example.com");
    writeFileSync(join(folder, "ca.pem"), authority.caPem);
    writeFileSync(join(folder, "ldap-password"), `${ROOT_PASSWORD}\n`);
    const section = {
      kind: "openldap",
      url: `ldap://localhost:${slapd.port}`,
      ca: "ca.pem",
      "bind-dn": ROOT_DN,
      base: `ou=people,${BASE}`,
    };
    const lines = Object.entries(section).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    const template = ["[[directory.hq.template]]", `group = "${PRESENCE}"`, 'locale = "de"'];
    const text = ["[directory.hq]", ...lines, 'password = { file = "ldap-password" }', ...template, ""].join("\n");
    appendFileSync(gateway.configPath, text);
    const server =
      "gateway add main type=ews url=https://mail.example.com/EWS/Exchange.asmx account=svc password=secret1";
    expect((await gateway.command(server)).text).toContain("main");
    await gateway.start("directory.synchronised");
  });
  afterAll(async () => {
    await gateway.end("SIGKILL");
    await slapd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("[U5] has the members of the group as users from the start on, by StartTLS, and those of later after a sync", async () => {
    expect((await gateway.command("user list")).text).toMatch(/alice@example\.com[\s\S]*bob@example\.com/);
    const members = new Attribute({ type: "member", values: ["alice", "carol"].map(personDn) });
    const change = new Change({ operation: "replace", modification: members });
    await administer(slapd, (client) => client.modify(PRESENCE, change));
    const { code, text } = await gateway.command("directory sync hq full=yes");
    expect([code, text]).toEqual([0, expect.stringContaining("3 people; 1 added, 0 changed, 1 removed")]);
    expect((await gateway.command("user list bob")).text).toContain("No user matches");
    expect((await gateway.command("directory status")).text).toContain("ok");
    expect((await gateway.command("status")).text).toContain("directory hq");
  });

  it("ends a command with an error where the directory cannot be read, and never shows the password", async () => {
    await slapd.refill("");
    const gone = await gateway.command("directory sync hq");
    expect([gone.code, gone.text]).toEqual([1, expect.stringContaining("ldap-no-base")]);
    expect((await gateway.command("user list")).text).toContain("alice@example.com");
    const shown = await gateway.command("directory show hq");
    expect(`${gone.text}${shown.text}${JSON.stringify(gateway.lines)}`).not.toContain(ROOT_PASSWORD);
  });

  it("is checked by `check`, and ends when it is told to", async () => {
    await slapd.refill(composeLdif(people, { presence: ["alice"] }));
    expect((await gateway.invoke(["check"])).text).toContain("directory hq: 3 people, 1 of them enabled by a template");
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});
