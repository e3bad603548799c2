import { hours, plus } from "../../src/lib/time.ts";
import { createClock } from "../../src/shell/runtime.ts";
import { startExchange } from "../doubles/exchange/exchange.ts";
import { createTestRuntime, MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { type ApacheRequest, missingForApache, startApache } from "../lab/apache-ntlm.ts";
import { addMailboxes, createContext, createEwsSource, until } from "../plugins/calendar-ews/scenario.ts";
import type { Figure } from "./figures.ts";

const PASSWORD = "pw";
/** The parameter exchange-threads: how many requests may run at once, and so how many connections are needed. */
const POOL = 10;
const CALLS = 400;
const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

/** What NTLM adds to the requests of a working gateway, as a real Apache with gss-ntlmssp has logged it. */
export async function* measureNtlm(): AsyncGenerator<Figure> {
  const missing = missingForApache();
  if (missing.length > 0) throw new Error(`install the Debian packages ${missing.join(", ")}`);
  const requests = await callThroughApache();
  const refused = requests.filter(({ status }) => status === 401).length;
  const note = `${CALLS} GetUserAvailability calls, ${POOL} at a time, from the EWS plugin with auth=auto through Apache with gss-ntlmssp (NTLMv2), counted in its log: ${requests.length} requests, ${refused} of them messages of logins`;
  yield {
    name: "ntlm.round_trips_per_call",
    value: requests.length / CALLS,
    unit: "",
    bound: { atMost: 1.1 },
    note,
  };
  yield {
    name: "ntlm.connections",
    value: new Set(requests.map(({ connection }) => connection)).size,
    unit: "",
    bound: { atMost: POOL },
    note: `TCP connections of the same calls; at most one for each of the ${POOL} requests that may run at once (parameter exchange-threads)`,
  };
}

async function callThroughApache(): Promise<readonly ApacheRequest[]> {
  const account = { user: "EXAMPLE\\svc", password: PASSWORD, mayImpersonate: true };
  // Apache has seen to the login.
  const exchange = await startExchange({ accounts: [account], authenticator: { authenticate: () => ({ account }) } });
  const mailboxes = addMailboxes(exchange, 10);
  const apache = await startApache({ backEnd: new URL(exchange.url).origin, users: [`EXAMPLE:svc:${PASSWORD}`] });
  const runtime = { ...createTestRuntime(), clock: createClock() };
  const source = createEwsSource(
    { url: `${apache.origin}/EWS/Exchange.asmx`, account: account.user, password: PASSWORD },
    createContext(runtime, { "exchange-threads": String(POOL), "exchange-timeout": "20" }),
  );
  const { signal } = new AbortController();
  try {
    await source.start(signal);
    let left = CALLS;
    const work = async (): Promise<void> => {
      while (left-- > 0) await source.fetchBusyTime(mailboxes, WINDOW, signal);
    };
    await Promise.all(Array.from({ length: POOL }, work));
    // The last lines of the log come a little after their answers.
    await until(() => apache.requests().filter(({ status }) => status === 200).length >= CALLS);
    return apache.requests();
  } finally {
    await source.stop();
    await apache.stop();
    await exchange.stop();
  }
}
