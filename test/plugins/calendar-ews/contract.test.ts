import { parseMailbox } from "../../../src/core/addresses.ts";
import { describeCalendarSource } from "../../contract/calendar-source.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { startExchange } from "../../doubles/exchange/exchange.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { ACCOUNT, createContext, createEwsSource, until } from "./scenario.ts";

describeCalendarSource("ews", async () => {
  const runtime = createTestRuntime();
  const exchange = await startExchange({ accounts: [ACCOUNT], clock: followClock(runtime.clock) });
  const [alice, bob, carol] = [
    parseMailbox("alice@example.com"),
    parseMailbox("bob@example.com"),
    parseMailbox("carol@example.com"),
  ];
  for (const mailbox of [alice, bob, carol]) exchange.addMailbox(mailbox);
  const login = { url: exchange.url, account: ACCOUNT.user, password: ACCOUNT.password };
  return {
    mailboxes: [alice, bob, carol],
    unknown: parseMailbox("aaron@example.com"),
    createSource: () => createEwsSource(login, createContext(runtime)),
    createHopelessSource: () => createEwsSource({ ...login, ca: "/nonexistent/ca.pem" }, createContext(runtime)),
    addMeeting: (mailbox, meeting) => exchange.findMailbox(mailbox)?.addMeeting(meeting),
    connections: () => exchange.stats.connectionsAccepted,
    hang: () => exchange.faults.hang(1000),
    untilHanging: () => until(() => exchange.stats.inFlight > 0),
    end: () => exchange.stop(),
  };
});
