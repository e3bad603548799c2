import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { availabilityOperation } from "../../../plugins/calendar-ews/availability.ts";
import { encodeGetEvents } from "../../../plugins/calendar-ews/notifications/watch-pull.ts";
import { encodeGetCalendarFolder } from "../../../plugins/calendar-ews/occasional/find-calendar-name.ts";
import { encodeResolveAddress } from "../../../plugins/calendar-ews/occasional/resolve-address.ts";
import type { RequestVersion } from "../../../plugins/calendar-ews/soap-request.ts";
import { encodeStream } from "../../../plugins/calendar-ews/streaming.ts";
import { type Delivery, encodeSubscribe, encodeUnsubscribe } from "../../../plugins/calendar-ews/subscribe.ts";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { formatLocalUtc, hours, minutes, plus } from "../../../src/lib/time.ts";
import { DAY, MONDAY_NINE, mailboxes } from "./answers.ts";

const SCHEMAS = fileURLToPath(new URL("../../../../shared/schema/ews/", import.meta.url));
const ALICE = parseMailbox("alice&o'hara@example.com");

const STREAMING: Delivery = { kind: "streaming" };
const OTHERS: readonly Delivery[] = [
  { kind: "push", url: "http://[2001:db8::1]:50020/n/a?b&c<", statusFrequency: 60 },
  { kind: "push", url: "http://gw.example.com:1024/n/a", statusFrequency: 1440 },
  { kind: "pull", timeout: 1440 },
];

/** All that can be asked in a version; streaming came with Exchange 2010 SP1. */
function requests(version: RequestVersion): readonly string[] {
  const hasStreaming = version !== "Exchange2007_SP1";
  return [
    availabilityOperation({ host: "h", mailboxes: mailboxes(100), window: DAY }).encode(version).body,
    availabilityOperation({ host: "h", mailboxes: [ALICE], window: DAY }).encode(version).body,
    encodeUnsubscribe("<&>\"'\u0000", ALICE, version),
    encodeGetEvents("a<b", "c&d", ALICE, version),
    encodeGetCalendarFolder(ALICE, version),
    encodeResolveAddress(ALICE, version),
    encodeSubscribe(ALICE, "items", version),
    ...[...(hasStreaming ? [STREAMING] : []), ...OTHERS].flatMap((delivery) =>
      (["items-and-free-busy", "items"] as const).map((events) => encodeSubscribe(ALICE, events, version, delivery)),
    ),
    ...(hasStreaming ? [encodeStream(["a<b", "c&d"], { anchor: ALICE, lifetimeMinutes: 29 }, version)] : []),
  ];
}

function whyNoSchemas(): string | undefined {
  if (!existsSync(SCHEMAS)) return "the EWS schemas are not beside the repository";
  return spawnSync("xmllint", ["--version"]).error ? "xmllint (libxml2-utils) is not installed" : undefined;
}

describe("every request", () => {
  const reason = whyNoSchemas();
  if (reason) console.log(`requests are not validated: ${reason}`);

  it.skipIf(reason !== undefined).each<readonly [string, readonly RequestVersion[]]>([
    ["o365", ["Exchange2013_SP1", "Exchange2010_SP1"]],
    ["ex2016", ["Exchange2013_SP1"]],
    ["ex2013sp1", ["Exchange2013_SP1", "Exchange2007_SP1"]],
    ["ex2010sp2", ["Exchange2010_SP1", "Exchange2007_SP1"]],
    ["ex2007sp1", ["Exchange2007_SP1"]],
  ])("[W4] is valid by Microsoft's schema %s with versions %j", (schema, versions) => {
    const folder = mkdtempSync(join(tmpdir(), "ews-requests-"));
    const files = versions.flatMap(requests).map((request, index) => {
      writeFileSync(join(folder, `${index}.xml`), request);
      return join(folder, `${index}.xml`);
    });
    // All at once: xmllint takes long to read the schema.
    const xsd = `${SCHEMAS}${schema}/soap.xsd`;
    const { status, stderr } = spawnSync("xmllint", ["--nonet", "--noout", "--schema", xsd, ...files], {
      encoding: "utf8",
    });
    rmSync(folder, { recursive: true });
    expect(stderr.match(/ validates$/gm)).toHaveLength(files.length);
    expect(status).toBe(0);
  });

  it("for streaming cannot be written in the version of Exchange 2007, which has none; without a way it pulls", () => {
    expect(() => encodeSubscribe(ALICE, "items", "Exchange2007_SP1", STREAMING)).toThrow(/older than streaming|speaks/);
    expect(encodeSubscribe(ALICE, "items", "Exchange2007_SP1")).toContain("<t:Timeout>1</t:Timeout>");
    expect(encodeSubscribe(ALICE, "items-and-free-busy", "Exchange2007_SP1")).not.toContain("FreeBusyChanged");
  });

  it("escapes every value", () => {
    const [, availability = "", unsubscribe = ""] = requests("Exchange2013_SP1");
    expect(availability).toContain("<t:Address>alice&amp;o&apos;hara@example.com</t:Address>");
    expect(unsubscribe).toContain("<m:SubscriptionId>&lt;&amp;&gt;&quot;&apos;\uFFFD</m:SubscriptionId>");
  });
});

describe("the window asked for", () => {
  const windowOf = (start: number, length: number): readonly (string | undefined)[] => {
    const from = plus(MONDAY_NINE, start);
    const query = { host: "h", mailboxes: mailboxes(1), window: { start: from, end: plus(from, length) } };
    const { body } = availabilityOperation(query).encode("Exchange2013_SP1");
    return [/<t:StartTime>(.*?)</.exec(body)?.[1], /<t:EndTime>(.*?)</.exec(body)?.[1]];
  };

  it("begins on a multiple of five minutes, so that digits fit the edges of meetings, and never ends early", () => {
    expect(windowOf(minutes(7) + 1, hours(24))).toEqual(["2026-11-23T09:05:00", "2026-11-24T09:07:01"]);
    expect(windowOf(0, hours(24))).toEqual(["2026-11-23T09:00:00", "2026-11-24T09:00:00"]);
  });

  it("is never longer than the 42 days that servers allow", () => {
    const [start, end] = windowOf(minutes(4), hours(42 * 24));
    expect([start, end]).toEqual(["2026-11-23T09:00:00", formatLocalUtc(plus(MONDAY_NINE, hours(42 * 24)))]);
  });
});
