import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import definition from "../../../plugins/calendar-graph/index.ts";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { describeCalendarSource } from "../../contract/calendar-source.ts";
import { startCloudFront } from "../../doubles/microsoft/https-front.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createContext, until } from "../calendar-ews/scenario.ts";
import { ALICE, BOB, book, CAROL, CLIENT, createCloud, SECRET, TENANT } from "./scenario.ts";

describeCalendarSource("office365 by Graph over TLS", async () => {
  const runtime = createTestRuntime();
  const { cloud, application } = createCloud(runtime);
  application.roles = ["Calendars.Read", "MailboxSettings.Read"];
  const front = await startCloudFront(cloud);
  const folder = mkdtempSync(join(tmpdir(), "graph-"));
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, front.caPem);
  const options = {
    tenant: TENANT,
    client: CLIENT,
    secret: SECRET,
    "login-url": front.url,
    "graph-url": front.url,
    ca,
  };
  const create = (given: Partial<typeof options>) =>
    definition.create(definition.options.parse({ ...options, ...given }), createContext(runtime));
  return {
    mailboxes: [ALICE, BOB, CAROL],
    unknown: parseMailbox("aaron@example.com"),
    createSource: () => create({}),
    createHopelessSource: () => create({ ca: "/nonexistent/ca.pem" }),
    addMeeting: (mailbox, meeting) => book(cloud, mailbox, meeting),
    connections: () => front.connections,
    hang: () => cloud.plan("graph", "hang", 1000),
    untilHanging: () => until(() => cloud.hanging > 0),
    async end() {
      await front.stop();
      rmSync(folder, { recursive: true });
    },
  };
});
