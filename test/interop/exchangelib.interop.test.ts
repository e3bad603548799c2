import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import { createTlsAuthority } from "../doubles/tls-authority.ts";

// Debian's own Python: its package python3-exchangelib is not seen by any other.
const PYTHON = "/usr/bin/python3";
const CLIENT = fileURLToPath(new URL("./exchangelib-client.py", import.meta.url));
const MAILBOXES = 100;
const DAY = Date.parse("2026-11-02T00:00:00Z");
const HOUR = 3_600_000;

interface ClientReport {
  readonly freeBusy: readonly (readonly (readonly string[])[])[];
  readonly [what: string]: unknown;
}

const missing = spawnSync(PYTHON, ["-c", "import exchangelib"]).status !== 0;
if (missing) console.log("exchangelib interop skipped: install the Debian package python3-exchangelib");

const RELEASES = [
  ["exchange2010sp2", "Exchange2010_SP2"],
  ["exchange2016", "Exchange2016"],
] as const;

describe.skipIf(missing).each(RELEASES)(
  "exchangelib, an independent EWS client, over HTTPS with %s",
  (version, apiVersion) => {
    let exchange: SimulatedExchange;
    let report: ClientReport;

    beforeAll(async () => {
      const authority = createTlsAuthority();
      exchange = await startExchange({
        version,
        tls: authority.issue({ names: ["localhost"] }),
        accounts: [{ user: "svc", password: "pw", mayImpersonate: true }],
      });
      fillMailboxes(exchange);
      const folder = mkdtempSync(join(tmpdir(), "exchangelib-"));
      try {
        const caFile = join(folder, "ca.pem");
        writeFileSync(caFile, authority.caPem);
        report = await runClient(exchange, caFile, apiVersion);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    afterAll(() => exchange?.stop());

    it("reads free/busy of 100 mailboxes in one request", () => {
      expect(report.freeBusy).toHaveLength(MAILBOXES);
      for (const events of report.freeBusy.slice(1)) {
        expect(events).toEqual([["2026-11-02 08:00:00", "2026-11-02 09:00:00", "Busy"]]);
      }
    });

    it("sees the calendar's name and the occurrence of a series in a calendar view", () => {
      expect(report["calendarName"]).toBe("Kalender");
      expect(report["view"]).toEqual([
        ["Daily", "2026-11-02 08:00:00+00:00"],
        ["Plan <A> & B", "2026-11-02 10:00:00+00:00"],
      ]);
    });

    it("makes a meeting that shows in free/busy, changes it and deletes it", () => {
      expect(report["afterCreate"]).toContainEqual(["2026-11-02 20:00:00", "2026-11-02 21:00:00", "OOF"]);
      expect(report["afterUpdate"]).toEqual(["Changed by exchangelib", "2026-11-02 22:00:00+00:00"]);
      expect(report["afterDelete"]).toBe(3);
    });

    it("is notified by streaming of what it made and of what others change later", () => {
      const both = expect.arrayContaining(["CreatedEvent", "FreeBusyChangedEvent"]);
      expect(report["streamed"]).toEqual([both, both]);
      expect(exchange.stats.subscriptions).toBe(0);
    });

    it("synchronises the items of the calendar", () => {
      expect(report["synchronised"]).toEqual(["create", "create"]);
      expect(report["syncedAfterCreate"]).toEqual(["create"]);
    });

    it("reads and sets automatic replies and resolves names", () => {
      expect(report["replies"]).toBe("Disabled");
      expect(report["repliesAfterSet"]).toEqual(["Scheduled", "2090-11-02 00:00:00+00:00"]);
      expect(report["resolved"]).toContain("user1@example.com");
    });

    it("is refused nothing but what it asked wrongly", () => {
      const refusals = Object.keys(exchange.stats.refusals).filter((reason) => reason !== "http-401");
      expect(refusals).toEqual([]);
    });
  },
);

function fillMailboxes(exchange: SimulatedExchange): void {
  for (let index = 0; index < MAILBOXES; index += 1) {
    const mailbox = exchange.addMailbox(`user${index}@example.com`, { calendarFolderName: "Kalender" });
    const daily = { start: DAY - 16 * HOUR, end: DAY - 15 * HOUR, status: "busy", subject: "Daily" } as const;
    mailbox.addMeeting({ ...daily, recurrence: { kind: "daily" } });
  }
  const plan = { start: DAY + 10 * HOUR, end: DAY + 11 * HOUR, status: "tentative", subject: "Plan <A> & B" } as const;
  exchange.findMailbox("user0@example.com")?.addMeeting(plan);
}

/** Runs the Python client to its end; when it streams, somebody else makes a meeting. */
async function runClient(exchange: SimulatedExchange, caFile: string, apiVersion: string): Promise<ClientReport> {
  const child = spawn(PYTHON, [CLIENT, exchange.url, apiVersion, String(MAILBOXES)], {
    env: { PATH: "/usr/bin:/bin", REQUESTS_CA_BUNDLE: caFile, TZ: "UTC" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors: string[] = [];
  child.stderr.on("data", (part: Buffer) => errors.push(part.toString()));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const adHoc = { start: DAY + 15 * HOUR, end: DAY + 16 * HOUR, status: "busy" } as const;
  let last = "";
  let isMade = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "streaming" && !isMade) {
      exchange.findMailbox("user0@example.com")?.addMeeting(adHoc);
      isMade = true;
    }
    last = line;
  }
  const code = await ended;
  if (code !== 0) throw new Error(`exchangelib failed (${code}): ${errors.join("")}`);
  return JSON.parse(last);
}
