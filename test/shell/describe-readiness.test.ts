import { describe, expect, it } from "vitest";
import type { GatewayPart } from "../../src/admin/live-gateway.ts";
import { instant } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { describeReadiness } from "../../src/shell/describe-readiness.ts";

const SECRET = "alice@example.com is refused with password hunter2";
const error = new GatewayError(SECRET, { type: "auth", code: "some-code" });
const since = instant(Date.UTC(2026, 10, 23, 9));
const ok = { state: "ok" } as const;
const down = { state: "down", error, since } as const;
const degraded = { state: "degraded", error } as const;

const part = (kind: GatewayPart["kind"], health: GatewayPart["health"], name: string = kind): GatewayPart => ({
  kind,
  name,
  health,
});
const WELL = [part("xmpp", ok), part("store", ok), part("calendar", ok, "a"), part("calendar", ok, "b")];
/** Parts in order, but for these. */
const but = (...changed: readonly GatewayPart[]): readonly GatewayPart[] => [
  ...WELL.filter(({ kind, name }) => !changed.some((each) => each.kind === kind && each.name === name)),
  ...changed,
];

describe("the gateway is ready", () => {
  it.each([
    ["everything works", WELL, true],
    ["there is no calendar server yet", [part("xmpp", ok), part("store", ok)], true],
    ["one of two calendar servers is away", but(part("calendar", down, "a")), true],
    [
      "all calendar servers work without notifications",
      but(part("calendar", degraded, "a"), part("calendar", degraded, "b")),
      true,
    ],
    ["all calendar servers are away", but(part("calendar", down, "a"), part("calendar", down, "b")), false],
    [
      "no calendar server has answered yet",
      but(part("calendar", { state: "starting" }, "a"), part("calendar", down, "b")),
      false,
    ],
    ["the XMPP server is away", but(part("xmpp", down)), false],
    ["the XMPP server has not answered yet", but(part("xmpp", { state: "starting" })), false],
    ["one domain gives no rights", but(part("xmpp", degraded)), true],
    ["the store cannot be written", but(part("store", degraded)), false],
    ["SIP is away", but(part("publisher", down, "sip"), part("clients", down, "sip")), true],
    ["a directory is away", but(part("directory", down, "hq")), true],
  ])("or not when %s", (_, parts, ready) => {
    expect(describeReadiness(parts).ready).toBe(ready);
    for (const phase of ["starting", "stopping"] as const) expect(describeReadiness(parts, phase).ready).toBe(false);
  });

  it("and says why not, and what else does not work, by codes and without the words of errors", () => {
    const described = describeReadiness(but(part("xmpp", down), part("publisher", degraded, "sip")));
    expect(described).toEqual({
      ready: false,
      reasons: [{ part: "xmpp", state: "down", code: "some-code", since: "2026-11-23T09:00:00Z" }],
      troubles: [{ part: "publisher sip", state: "degraded", code: "some-code" }],
    });
    expect(JSON.stringify(described)).not.toContain("alice");
  });
});
