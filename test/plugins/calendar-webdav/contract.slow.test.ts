import { parseMailbox } from "../../../src/core/addresses.ts";
import { describeCalendarSource } from "../../contract/calendar-source.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import type { Account } from "../../doubles/exchange/site.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { startWebdavServer, type WebdavServerOptions } from "../../doubles/webdav/webdav-server.ts";
import { createLogins, NTLM_ACCOUNT } from "../calendar-ews/ntlm-scenario.ts";
import { until } from "../calendar-ews/scenario.ts";
import { ACCOUNT, ALICE, BOB, CAROL, createWebdavSource } from "./scenario.ts";

const LOGINS: readonly (readonly [string, Account, () => Partial<WebdavServerOptions>])[] = [
  ["Basic", ACCOUNT, () => ({})],
  ["NTLM", NTLM_ACCOUNT, () => ({ authenticator: createLogins() })],
  ["forms", ACCOUNT, () => ({ forms: 2003 })],
];

for (const [login, account, server] of LOGINS)
  describeCalendarSource(`webdav by ${login}`, async () => {
    const runtime = createTestRuntime();
    const webdav = await startWebdavServer({
      accounts: [account],
      clock: followClock(runtime.clock),
      ...server(),
    });
    for (const mailbox of [ALICE, BOB, CAROL]) webdav.addMailbox(mailbox, "Kalender");
    const options = { url: webdav.url, account: account.user, password: account.password };
    return {
      mailboxes: [ALICE, BOB, CAROL],
      unknown: parseMailbox("aaron@example.com"),
      createSource: () => createWebdavSource(options, { runtime }),
      createHopelessSource: () => createWebdavSource({ ...options, ca: "/nonexistent/ca.pem" }, { runtime }),
      addMeeting: (mailbox, meeting) => webdav.findMailbox(mailbox)?.addMeeting(meeting),
      connections: () => webdav.connections,
      hang: () => webdav.plan("never", { times: 1000 }),
      untilHanging: () => until(() => webdav.unanswered > 0),
      end: async () => webdav.stop(),
    };
  });
