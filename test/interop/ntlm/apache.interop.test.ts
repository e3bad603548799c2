import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, plus } from "../../../src/lib/time.ts";
import type { CalendarSource } from "../../../src/ports/calendar-source.ts";
import { type SimulatedExchange, startExchange } from "../../doubles/exchange/exchange.ts";
import { createTestRuntime, MONDAY_MORNING, type TestRuntime } from "../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { type Apache, missingForApache, startApache } from "../../lab/apache-ntlm.ts";
import {
  addMailboxes,
  createContext,
  createEwsSource,
  gatewayError,
  startWatch,
  until,
} from "../../plugins/calendar-ews/scenario.ts";

const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };
const PASSWORD = "pä&s$ 1"; // no colon: it separates the fields of the user file
const missing = missingForApache();
if (missing.length > 0) console.log(`NTLM interop skipped: install the Debian packages ${missing.join(", ")}`);

describe.skipIf(missing.length > 0).each(["http", "https"] as const)(
  "[A1] Apache with gss-ntlmssp, which takes NTLMv2 only, over %s",
  (protocol) => {
    const authority = createTlsAuthority();
    let folder: string;
    let exchange: SimulatedExchange;
    let apache: Apache;
    let mailboxes: readonly Mailbox[];
    let runtime: TestRuntime;
    let source: CalendarSource;
    let query: string;
    let tests = 0;
    const { signal } = new AbortController();

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "ntlm-interop-"));
      writeFileSync(join(folder, "ca.pem"), authority.caPem);
      const account = { user: "EXAMPLE\\svc", password: PASSWORD, mayImpersonate: true };
      // Apache has seen to the login.
      exchange = await startExchange({ accounts: [account], authenticator: { authenticate: () => ({ account }) } });
      mailboxes = addMailboxes(exchange, 3);
      apache = await startApache({
        backEnd: new URL(exchange.url).origin,
        users: [`EXAMPLE:svc:${PASSWORD}`],
        ...(protocol === "https" && { tls: authority.issue({ names: ["localhost"] }) }),
      });
    });
    afterEach(() => source?.stop());
    afterAll(async () => {
      await apache?.stop();
      await exchange?.stop();
      rmSync(folder, { recursive: true });
    });

    async function logIn(given: { readonly auth?: "auto" | "ntlm" | "ntlm-v1"; readonly password?: string } = {}) {
      runtime = createTestRuntime();
      query = `?test=${++tests}`;
      const url = `${apache.origin}/EWS/Exchange.asmx${query}`;
      const ca = protocol === "https" ? { ca: join(folder, "ca.pem") } : {};
      source = createEwsSource(
        { url, account: "EXAMPLE\\svc", password: PASSWORD, ...ca, ...given },
        createContext(runtime),
      );
      await source.start(signal);
    }

    const fetch = () => source.fetchBusyTime(mailboxes, WINDOW, signal);
    /** The requests of this test, once there are so many. */
    const requests = async (count: number) => {
      const ofTest = () => apache.requests().filter((each) => each.query === query);
      await until(() => ofTest().length >= count);
      return ofTest();
    };

    it("is found out by auto, and logged into once on one connection", async () => {
      await logIn();
      for (let call = 0; call < 20; call++) expect(await fetch()).toHaveLength(3);
      const seen = await requests(22);
      expect(seen.map(({ status }) => status)).toEqual([401, 401, ...Array.from({ length: 20 }, () => 200)]);
      expect(new Set(seen.map(({ connection }) => connection)).size).toBe(1);
      expect(new Set(seen.slice(2).map(({ user }) => user))).toEqual(new Set(["EXAMPLE\\svc"]));
    });

    it("serves ten calls at once on ten connections, and the next ones on the same", async () => {
      await logIn({ auth: "ntlm" });
      await fetch();
      for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 10 }, fetch));
      const seen = await requests(53);
      const connections = new Set(seen.map(({ connection }) => connection)).size;
      expect(connections).toBeLessThanOrEqual(10);
      // One question, one message and 51 calls.
      expect(seen).toHaveLength(1 + connections + 51);
    });

    it("passes endless answers on, frame by frame", async () => {
      await logIn();
      const watch = startWatch(source, mailboxes);
      await until(() => watch.words.includes("all"));
      const [mailbox = ""] = mailboxes;
      exchange.findMailbox(mailbox)?.addMeeting({ start: WINDOW.start, end: WINDOW.end, status: "busy" });
      await until(() => watch.words.includes(`changed ${mailbox}`));
      watch.stop();
      await watch.ended;
    });

    it("refuses a wrong password once, and is then left alone", async () => {
      await logIn({ password: "wrong" });
      for (let call = 0; call < 5; call++) expect((await gatewayError(fetch())).code).toBe("ews-unauthorized");
      expect((await requests(3)).map(({ status }) => status)).toEqual([401, 401, 401]);
      await runtime.clock.advance(minutes(5));
      await gatewayError(fetch());
      expect((await requests(5)).map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    });

    it("[A2] refuses NTLMv1, which only the option ntlm-v1 speaks", async () => {
      await logIn({ auth: "ntlm-v1" });
      expect((await gatewayError(fetch())).code).toBe("ews-unauthorized");
    });
  },
);
