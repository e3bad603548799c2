import { z } from "zod";
import type {
  Actor,
  CertificateServices,
  Command,
  CommandContext,
  CommandResult,
  CommandServices,
} from "../../src/admin/command.ts";
import { LOCAL_ADMINISTRATOR } from "../../src/admin/command.ts";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import type { ServedDomain } from "../../src/admin/describe-domain.ts";
import { drawPieces } from "../../src/admin/draw-progress.ts";
import { drawError } from "../../src/admin/draw-text.ts";
import type { GatewayCounts, GatewayPart, LiveGateway } from "../../src/admin/live-gateway.ts";
import { runCommandLine } from "../../src/admin/run-command-line.ts";
import { type PresentityId, parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import type { Override } from "../../src/core/compose.ts";
import type { TestStep, TestSubject } from "../../src/ports/calendar-source.ts";
import { GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import type { PublisherDetail } from "../../src/ports/presence-publisher.ts";
import type { User } from "../../src/ports/registry.ts";
import { MemoryJournal, MemoryRegistry, MemoryUserImports } from "../doubles/memory-store.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { createCertificateServices } from "../doubles/trust.ts";

/** A calendar plugin with the options of a usual one. */
const calendarType = (name: string) =>
  definePlugin({
    kind: "calendar",
    name,
    summary: "A calendar server of the tests.",
    implements: [],
    options: z.strictObject({
      url: z.url({ protocol: /^https$/, error: "must be an https URL" }),
      account: z.string().min(1),
      password: z.string().min(3, "is too short"),
      auth: z.enum(["basic"]).default("basic"),
      "max-wait": z.coerce.number().int().max(10).optional(),
    }),
    secrets: ["password"],
    credentials: ["account", "password"],
    needs: [],
    create: () => {
      throw new GatewayError("commands never create a plugin", { type: "cancel", code: "test" });
    },
  });

/** The running gateway as commands see it: a journal, and what the test says. */
export class FakeLive implements LiveGateway {
  readonly refreshed: PresentityId[] = [];
  readonly tested: (readonly [name: string, subject: TestSubject])[] = [];
  readonly told: (readonly [PresentityId, string])[] = [];
  cannotTell: GatewayError | undefined;
  readonly placed = new Map<string, number>();
  steps: readonly TestStep[] = [];
  /** What calendar folders are named, by mailbox. */
  readonly calendarNames = new Map<string, string | GatewayError>();
  partList: readonly GatewayPart[] = [];
  domainList: readonly ServedDomain[] = [];
  counted: GatewayCounts = {
    presentities: 3,
    withCalendar: 2,
    stale: 1,
    inMeeting: 1,
    outbox: 4,
    refreshQueue: 5,
    failing: [],
  };
  /** What publishers say, by name, and of a presentity by name and JID. */
  readonly details = new Map<string, readonly PublisherDetail[]>();
  readonly #stage: Pick<CommandServices, "clock" | "journal">;

  constructor(stage: Pick<CommandServices, "clock" | "journal">) {
    this.#stage = stage;
  }

  now() {
    return this.#stage.clock.now();
  }

  parts(): readonly GatewayPart[] {
    return this.partList;
  }

  domains(): readonly ServedDomain[] {
    return this.domainList;
  }

  counts(): GatewayCounts {
    return this.counted;
  }

  entry(presentity: PresentityId) {
    return this.#stage.journal.find(presentity);
  }

  publisherDetails(name: string, presentity?: PresentityId): readonly PublisherDetail[] {
    return this.details.get(presentity === undefined ? name : `${name} ${presentity}`) ?? [];
  }

  mailboxesOn(server: string): number {
    return this.placed.get(server) ?? 0;
  }

  refresh(presentity: PresentityId): void {
    this.refreshed.push(presentity);
  }

  async *testCalendarServer(name: string, subject: TestSubject, signal: AbortSignal): AsyncIterable<TestStep> {
    this.tested.push([name, subject]);
    for (const step of this.steps) {
      signal.throwIfAborted();
      yield step;
    }
  }

  async findCalendarName(server: string, mailbox: string): Promise<string> {
    const name =
      this.calendarNames.get(mailbox) ?? new GatewayError(`${server}: none`, { type: "cancel", code: "test" });
    if (typeof name === "string") return name;
    throw name;
  }

  async tellUser(presentity: PresentityId, text: string): Promise<void> {
    if (this.cannotTell) throw this.cannotTell;
    this.told.push([presentity, text]);
  }

  setOverride(presentity: PresentityId, override: Override | undefined): void {
    this.#stage.journal.replaceOverride(presentity, override);
  }
}

/** The whole of what a result says, once all of it is known. */
async function drawAll(result: CommandResult): Promise<string> {
  const lines: string[] = [];
  const pieces = drawPieces(result);
  for (;;) {
    const { done, value } = await pieces.next();
    if (done) return [...lines, value.text].join("\n");
    lines.push(value);
  }
}

/** Somebody who sends commands by chat. */
export const actorOf = (jid: string, role: Actor["role"]): Actor => ({
  name: jid,
  role,
  presentity: parsePresentityId(jid),
});

/** Commands over a store in memory. */
export function createCommandStage(
  options: {
    readonly isRunning?: boolean;
    readonly secretsDirectory?: string;
    readonly certificates?: CertificateServices;
  } = {},
) {
  const runtime = createTestRuntime();
  const registry = new MemoryRegistry();
  const journal = new MemoryJournal();
  const live = new FakeLive({ clock: runtime.clock, journal });
  const environment: Record<string, string> = {};
  const certificates = options.certificates ?? createCertificateServices();
  const imports = new MemoryUserImports();
  const services: CommandServices = {
    registry,
    journal,
    clock: runtime.clock,
    ...(options.isRunning !== false && { live }),
    calendarTypes: [calendarType("ews"), calendarType("other")],
    servedDomains: ["example.com", "example.org"],
    secrets: {
      ...(options.secretsDirectory !== undefined && { directory: options.secretsDirectory }),
      environment: (name) => environment[name],
    },
    certificates,
    imports,
    commands: COMMANDS,
  };
  const run = (text: string, actor = LOCAL_ADMINISTRATOR): Promise<CommandResult> => {
    const context: CommandContext = { ...services, actor };
    return runCommandLine(context, text, new AbortController().signal);
  };
  return {
    runtime,
    registry,
    journal,
    live,
    imports,
    environment,
    services,
    run,
    /** The text of the answer, or of the error. */
    say: (text: string, actor = LOCAL_ADMINISTRATOR): Promise<string> =>
      run(text, actor)
        .then(drawAll)
        .catch((error: unknown) => drawError(toGatewayError(error))),
    /** A server and users on it. */
    seed: async (...jids: readonly string[]): Promise<void> => {
      const secrets = { password: "seeded-secret" };
      const plain = { url: "https://mail.example.com/EWS/Exchange.asmx", account: "EXAMPLE\\presence" };
      await registry.replaceCalendarServer({ name: "main", type: "ews", options: plain, isEnabled: true }, secrets);
      for (const jid of jids) await registry.replaceUser(userOf(jid));
    },
  };
}

/** A command of users that takes no arguments and does only this. */
export const commandNamed = (name: string, run: Command["run"]): Command => ({
  name,
  who: "user",
  summary: "",
  usage: name,
  arguments: [],
  examples: [],
  run,
});

/** An enabled user whose mailbox is the JID. */
export const userOf = (jid: string, changes: Partial<User> = {}): User => ({
  presentity: parsePresentityId(jid),
  mailbox: parseMailbox(jid),
  gateway: "main",
  locale: "en",
  isEnabled: true,
  ...changes,
});
