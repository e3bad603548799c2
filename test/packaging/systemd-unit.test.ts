import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EXIT } from "../../src/shell/exit-codes.ts";
import { readUnit } from "./systemd-unit.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");
const unit = readUnit();
const service = (key: string): string => (unit.get(`Service.${key}`) ?? []).join(" ");

describe("the systemd unit", () => {
  it("starts the program of the package with the configuration of Debian's place", () => {
    const [, program] = /"presence-gateway": "([^"]+)"/.exec(read("package.json")) ?? [];
    expect(service("ExecStart")).toBe(
      `/usr/bin/node /opt/presence-gateway/${program} run --config /etc/presence-gateway/config.toml`,
    );
    expect(read("src/main.ts")).toContain('"/etc/presence-gateway/config.toml"');
    expect(service("StateDirectory")).toBe("presence-gateway");
    expect(read("docs/OPERATIONS.md")).toContain('path = "/var/lib/presence-gateway/gateway.db"');
    expect(read("docs/OPERATIONS.md")).toContain("packaging/systemd/presence-gateway.service");
  });

  it("tries again after a crash, and not where another try would end the same way", () => {
    const { failure, ok, ...final } = EXIT;
    expect([ok, failure]).toEqual([0, 1]);
    expect(service("Restart")).toBe("on-failure");
    expect(service("RestartPreventExitStatus").split(" ").map(Number).toSorted()).toEqual(
      Object.values(final).toSorted(),
    );
  });

  it("leaves the gateway the time to take back what it shows", () => {
    const [, longest] = /LONGEST_STOP = (\d+)/.exec(read("src/main.ts")) ?? [];
    expect(Number(service("TimeoutStopSec")) * 1000).toBeGreaterThan(Number(longest));
  });

  it("gives no privileges, and nothing to write in but the state", () => {
    const wanted = {
      User: "presence-gateway",
      NoNewPrivileges: "yes",
      CapabilityBoundingSet: "",
      ProtectSystem: "strict",
      ProtectHome: "yes",
      PrivateTmp: "yes",
      PrivateDevices: "yes",
      RestrictSUIDSGID: "yes",
      RestrictNamespaces: "yes",
      UMask: "0077",
      StateDirectoryMode: "0700",
      SystemCallFilter: "@system-service ~@privileged @resources",
    };
    expect(Object.fromEntries(Object.keys(wanted).map((key) => [key, service(key)]))).toEqual(wanted);
    expect(
      [...unit.keys()].filter((key) => /ReadWritePaths|Exec(Start|Stop)(Pre|Post)|PermissionsStartOnly/.test(key)),
    ).toEqual([]);
  });

  it("lets V8 compile", () => {
    expect(service("MemoryDenyWriteExecute")).toBe("no");
  });
});
