import type { Mailbox } from "../../src/core/addresses.ts";
import type { TimeWindow } from "../../src/lib/time.ts";
import type {
  BusyTimeResult,
  CalendarChange,
  CalendarSource,
  RequestLoad,
  TestStep,
  TestSubject,
} from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { PluginContext } from "../../src/ports/plugin-definition.ts";
import type { HttpProxy } from "../../src/ports/trust.ts";
import { ProxyRoute } from "../shared-http/proxy-route.ts";
import { readCa } from "../shared-http/read-ca.ts";
import { RequestHealth } from "../shared-http/request-health.ts";
import { SourceRun } from "../shared-http/source-run.ts";
import { trustedConnector } from "../shared-http/trusted-connector.ts";
import { UndiciWebClient, type WebClient, type WebClientOptions } from "../shared-http/web-client.ts";
import { readCertificateCredential } from "../shared-microsoft/certificate-credential.ts";
import { EntraTokenSource } from "../shared-microsoft/entra-token-source.ts";
import type { NationalCloud } from "../shared-microsoft/national-clouds.ts";
import { Anchors } from "./anchors.ts";
import { LARGEST_BATCH } from "./batch.ts";
import { BatchSize } from "./batch-size.ts";
import { type Diagnosed, diagnose } from "./diagnose.ts";
import { type FetchDeps, fetchSchedules } from "./fetch-schedules.ts";
import { graphError } from "./graph-errors.ts";
import { HttpGraphClient } from "./http-graph-client.ts";
import type { SettingsChoice } from "./mailbox-settings.ts";
import { canWatch, GraphWatching, MAX_WATCHED } from "./notifications/graph-watching.ts";
import { SettingsReader } from "./settings-reader.ts";

/** Which tenant, as which application, and how. */
export interface GraphOptions {
  readonly cloud: Pick<NationalCloud, "authority" | "graph">;
  readonly tenant: string;
  /** Application (client) ID. */
  readonly client: string;
  /** The client secret, or the path of a PEM file with certificate and key. */
  readonly credential: { readonly secret: string } | { readonly certificateFile: string };
  /** Path of a PEM file with a private CA. */
  readonly caFile: string | undefined;
  readonly proxy: HttpProxy | undefined;
  readonly batchSize: number;
  /** Most requests at once. */
  readonly maxRequests: number;
  /** What is read of mailboxes' settings. */
  readonly mailboxSettings: SettingsChoice | "off";
  /** Whether changes are told of by webhook, where the gateway has one, or only found by reading. */
  readonly notifications: "auto" | "poll";
}

interface Connection extends FetchDeps, Omit<Diagnosed, "runtime" | "pullInterval"> {
  readonly client: HttpGraphClient;
  readonly web: WebClient;
  readonly settings: SettingsReader | undefined;
  readonly watching: GraphWatching;
}

/** Calendars of a tenant of Office 365 by Microsoft Graph. */
export class GraphCalendarSource implements CalendarSource {
  /** Only where they are wanted. */
  readonly readMailboxSettings?: NonNullable<CalendarSource["readMailboxSettings"]>;
  /** Only where webhooks can be heard. */
  readonly watchChanges?: (mailboxes: readonly Mailbox[], signal: AbortSignal) => AsyncGenerator<CalendarChange, void>;
  readonly #options: GraphOptions;
  readonly #context: PluginContext;
  readonly #createWeb: (options: WebClientOptions) => WebClient;
  readonly #batch: BatchSize;
  readonly #run: SourceRun<Connection>;
  readonly #condition: RequestHealth;

  /** @param createWeb for tests without sockets */
  constructor(
    options: GraphOptions,
    context: PluginContext,
    createWeb = (given: WebClientOptions): WebClient => new UndiciWebClient(given),
  ) {
    this.#options = options;
    this.#context = context;
    this.#condition = new RequestHealth(context.runtime.clock);
    this.#createWeb = createWeb;
    this.#batch = new BatchSize(options.batchSize);
    this.#run = new SourceRun({
      connect: (lifetime, signal) => this.#connect(lifetime, signal),
      stopped: () => this.#stoppedError(),
      clock: context.runtime.clock,
    });
    if (options.mailboxSettings !== "off") {
      this.readMailboxSettings = (mailboxes, signal) =>
        this.#run.perform(async ({ settings }, ended) => (await settings?.read(mailboxes, ended)) ?? [], signal);
    }
    if (options.notifications === "auto" && canWatch(context.listener)) {
      this.watchChanges = (mailboxes, signal) =>
        this.#run.watch(({ watching }, ended) => watching.watchChanges(mailboxes, ended), signal);
    }
  }

  get capabilities(): CalendarSource["capabilities"] {
    return {
      maxMailboxesPerFetch: this.#batch.now,
      maxMailboxesPerWatch: MAX_WATCHED,
      sweepInterval: "office365-pull-interval",
      maxMailboxesPerSettings: LARGEST_BATCH,
    };
  }

  /** Makes ready; a service that cannot be reached is no reason to reject, for it may come. */
  start(signal: AbortSignal): Promise<void> {
    return this.#run.start(signal);
  }

  async stop(): Promise<void> {
    const connection = this.#run.stop();
    if (!connection) return;
    const reason = this.#stoppedError();
    await connection.watching.close();
    connection.tokens.close(reason);
    connection.client.close(reason);
    await connection.web.close(reason);
  }

  health(): Health {
    if (this.#run.hasStopped) return { state: "stopped" };
    const health = this.#condition.health(this.#detail());
    const watchProblem = this.watchChanges && this.#run.connection?.watching.problem;
    if (health.state !== "ok" || !watchProblem) return health;
    return { state: "degraded", error: watchProblem, ...(health.since && { since: health.since }) };
  }

  load(): RequestLoad | undefined {
    return this.#run.connection?.client.load;
  }

  fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]> {
    return this.#run.perform((connection, ended) => fetchSchedules(connection, mailboxes, window, ended), signal);
  }

  unwatch(mailboxes: readonly Mailbox[]): void {
    this.#run.connection?.watching.unwatch(mailboxes);
  }

  changeUnnoticed(mailbox: Mailbox): void {
    this.#run.connection?.watching.changeUnnoticed(mailbox);
  }

  test(subject: TestSubject, signal: AbortSignal): AsyncGenerator<TestStep, void> {
    const { runtime, parameters } = this.#context;
    const pullInterval = () => parameters.integer("office365-pull-interval");
    return this.#run.test((connection) => {
      const watching = this.#options.notifications === "poll" ? undefined : connection.watching;
      return diagnose({ ...connection, runtime, pullInterval, watching }, subject, signal);
    }, signal);
  }

  async #connect(lifetime: AbortSignal, signal: AbortSignal): Promise<Connection> {
    const { cloud, tenant, client: application, credential, proxy, caFile } = this.#options;
    const ca = await readCa(caFile, (text, cause) => graphError("graph-ca-unreadable", text, { cause }), signal);
    const certificate =
      "secret" in credential ? undefined : await readCertificateCredential(credential.certificateFile, signal);
    const { runtime, trust } = this.#context;
    const { clock } = runtime;
    const terms = { ca, exceptions: new Set<never>() };
    const route = proxy && new ProxyRoute({ proxy, trust, ca, clock });
    // An administrator's test runs beside.
    const connections = this.#options.maxRequests + 1;
    const web = this.#createWeb({ connect: trustedConnector(trust, terms, route), clock, connections });
    const tokens = new EntraTokenSource({
      authority: cloud.authority,
      tenant,
      client: application,
      credential: certificate ? { certificate } : { secret: "secret" in credential ? credential.secret : "" },
      resource: cloud.graph,
      web,
      clock,
      proved: (chain) => trust.noteOwn(`application ${application}`, chain),
      random: () => runtime.random(),
    });
    const origins = [cloud.authority, cloud.graph];
    const diagnosed = { origins, tenant, application, certificateEnd: certificate?.notAfter, trust, terms, route };
    const client = this.#createClient(web, tokens);
    const watching = new GraphWatching(client, this.#context, lifetime);
    const { mailboxSettings } = this.#options;
    const settings = mailboxSettings === "off" ? undefined : new SettingsReader(client, mailboxSettings);
    const reading = { client, anchors: new Anchors(), batch: this.#batch, clock, settings, watching };
    return { ...diagnosed, ...reading, web, tokens };
  }

  #createClient(web: WebClient, tokens: EntraTokenSource): HttpGraphClient {
    const { runtime, parameters } = this.#context;
    return new HttpGraphClient({
      graph: this.#options.cloud.graph,
      web,
      tokens,
      runtime,
      ceiling: () => this.#options.maxRequests,
      longestQueue: () => parameters.integer("exchange-queue"),
      onOutcome: (error) => this.#condition.record(error),
    });
  }

  #stoppedError(): GatewayError {
    return graphError("graph-stopped", `${this.#options.cloud.graph.host}: not running`);
  }

  #detail(): string {
    const { connection } = this.#run;
    if (!connection) return "";
    const { running, waiting, limit } = connection.client.load;
    const watched = this.watchChanges ? connection.watching.describe() : "read at intervals";
    return `Microsoft Graph, ${watched}, ${this.#condition.requests} requests (${running} of at most ${limit} now, ${waiting} waiting)`;
  }
}
