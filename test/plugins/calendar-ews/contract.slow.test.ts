import { parseMailbox } from "../../../src/core/addresses.ts";
import { describeCalendarSource } from "../../contract/calendar-source.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { startExchange } from "../../doubles/exchange/exchange.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createLogins, NTLM_ACCOUNT } from "./ntlm-scenario.ts";
import { ACCOUNT, createContext, createEwsSource, until } from "./scenario.ts";

for (const [login, account, autodiscover] of [
  ["Basic", ACCOUNT, "off"],
  ["NTLM", NTLM_ACCOUNT, "off"],
  ["Basic, with Autodiscover", ACCOUNT, "on"],
] as const)
  describeCalendarSource(`ews by ${login}`, async () => {
    const runtime = createTestRuntime();
    const exchange = await startExchange({
      accounts: [account],
      clock: followClock(runtime.clock),
      ...(login === "NTLM" && { authenticator: createLogins() }),
    });
    const [alice, bob, carol] = [
      parseMailbox("alice@example.com"),
      parseMailbox("bob@example.com"),
      parseMailbox("carol@example.com"),
    ];
    for (const mailbox of [alice, bob, carol]) exchange.addMailbox(mailbox);
    exchange.autodiscover.offers = ["soap"];
    exchange.autodiscover.set(bob, { externalEwsUrl: exchange.url, grouping: "DB1" });
    const options = { url: exchange.url, account: account.user, password: account.password, autodiscover };
    return {
      mailboxes: [alice, bob, carol],
      unknown: parseMailbox("aaron@example.com"),
      createSource: () => createEwsSource(options, createContext(runtime)),
      createHopelessSource: () => createEwsSource({ ...options, ca: "/nonexistent/ca.pem" }, createContext(runtime)),
      addMeeting: (mailbox, meeting) => exchange.findMailbox(mailbox)?.addMeeting(meeting),
      connections: () => exchange.stats.connectionsAccepted,
      hang: () => exchange.faults.hang(1000),
      untilHanging: () => until(() => exchange.stats.inFlight > 0),
      end: () => exchange.stop(),
    };
  });
