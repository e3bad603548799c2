import { GraphCalendarSource, type GraphOptions } from "../../../plugins/calendar-graph/graph-calendar-source.ts";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import type { BusyInterval } from "../../../src/core/busy-time.ts";
import { hours, plus, type TimeWindow } from "../../../src/lib/time.ts";
import type { BusyTimeResult, TestStep, TestSubject } from "../../../src/ports/calendar-source.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { CloudWebClient } from "../../doubles/microsoft/cloud-web-client.ts";
import type { Application } from "../../doubles/microsoft/entra.ts";
import { type CloudOptions, MicrosoftCloud } from "../../doubles/microsoft/microsoft-cloud.ts";
import { createTestRuntime, MONDAY_MORNING, type TestRuntime } from "../../doubles/test-runtime.ts";
import { createContext } from "../calendar-ews/scenario.ts";

export const TENANT = "aaaaaaaa-0000-4000-8000-00000000000a";
export const CLIENT = "cccccccc-0000-4000-8000-00000000000c";
export const SECRET = "se~cret.Value-1";

export const ALICE = parseMailbox("alice@example.com");
export const BOB = parseMailbox("bob@example.com");
export const CAROL = parseMailbox("carol@example.com");

export const DAY: TimeWindow = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

/** A meeting of an hour, so many hours after Monday nine. */
export const meetingAt = (hour: number, status: BusyInterval["status"] = "busy"): BusyInterval => ({
  start: plus(MONDAY_MORNING, hours(hour)),
  end: plus(MONDAY_MORNING, hours(hour + 1)),
  status,
});

/** Books the meeting in the cloud. */
export const book = (cloud: MicrosoftCloud, mailbox: Mailbox, { start, end, status }: BusyInterval): void => {
  cloud.findMailbox(mailbox)?.meetings.push({ start, end, status: status === "noData" ? "unknown" : status });
};

/** Where the services of the tests are, when no socket leads there. */
const CLOUD = { authority: new URL("https://cloud.example.com"), graph: new URL("https://cloud.example.com") };

/** A cloud with one application, in the runtime's time. */
export function createCloud(
  runtime: TestRuntime,
  given: Partial<CloudOptions> = {},
): { readonly cloud: MicrosoftCloud; readonly application: Application } {
  const application: Application = { client: CLIENT, secret: SECRET, roles: ["Calendars.Read"] };
  const tenant = { id: TENANT, domain: "example.onmicrosoft.com", applications: [application] };
  const cloud = new MicrosoftCloud({ tenant, clock: followClock(runtime.clock), ...given });
  for (const mailbox of [ALICE, BOB, CAROL]) cloud.addMailbox(mailbox);
  return { cloud, application };
}

/** The options of a source for the cloud. */
export const graphOptions = (given: Partial<GraphOptions> = {}): GraphOptions => ({
  cloud: CLOUD,
  tenant: TENANT,
  client: CLIENT,
  credential: { secret: SECRET },
  caFile: undefined,
  proxy: undefined,
  batchSize: 20,
  maxRequests: 4,
  mailboxSettings: "auto",
  notifications: "auto",
  ...given,
});

/** A cloud and a started source, without sockets, in one simulated time. */
export interface Scenario {
  readonly cloud: MicrosoftCloud;
  readonly application: Application;
  readonly runtime: TestRuntime;
  readonly source: GraphCalendarSource;
  readonly web: CloudWebClient;
  fetch(...mailboxes: readonly Mailbox[]): Promise<readonly BusyTimeResult[]>;
  steps(subject: TestSubject): Promise<readonly TestStep[]>;
}

/** Starts a scenario. */
export async function startScenario(
  options: Partial<GraphOptions> = {},
  given: Partial<CloudOptions> = {},
): Promise<Scenario> {
  const runtime = createTestRuntime();
  const { cloud, application } = createCloud(runtime, given);
  const web = new CloudWebClient(cloud, runtime.clock);
  const source = new GraphCalendarSource(graphOptions(options), createContext(runtime), () => web);
  const { signal } = new AbortController();
  await source.start(signal);
  return {
    cloud,
    application,
    runtime,
    source,
    web,
    fetch: (...mailboxes) => source.fetchBusyTime(mailboxes, DAY, signal),
    async steps(subject) {
      const steps: TestStep[] = [];
      for await (const step of source.test(subject, signal)) steps.push(step);
      return steps;
    },
  };
}

/** Makes `user0@example.com` and so on. */
export const addMailboxes = (cloud: MicrosoftCloud, count: number): readonly Mailbox[] =>
  Array.from({ length: count }, (_, index) => parseMailbox(cloud.addMailbox(`user${index}@example.com`).smtp));
