import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** What a process of the SIP bench tells the bench. */
export const SIP_REPORT = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listening"), port: z.number() }),
  z.object({ kind: z.literal("ready") }),
  /** What the presence server holds at the end. */
  z.object({
    kind: z.literal("held"),
    users: z.number(),
    meetings: z.number(),
    wrong: z.number(),
    doubled: z.number(),
  }),
  /** One paced run: CPU and wall time in seconds, and how long each publication took, in milliseconds. */
  z.object({ kind: z.literal("paced"), cpu: z.number(), elapsed: z.number(), latencies: z.array(z.number()) }),
  z.object({ kind: z.literal("peak"), perSecond: z.number(), cpu: z.number() }),
  z.object({ kind: z.literal("heap"), megabytes: z.number() }),
]);

export type SipReport = Readonly<z.infer<typeof SIP_REPORT>>;

/** What the sender is to do. */
export const SENDER_ORDER = z.discriminatedUnion("mode", [
  z.object({ mode: z.literal("fill"), store: z.string(), port: z.number(), users: z.number() }),
  z.object({
    mode: z.literal("paced"),
    store: z.string(),
    port: z.number(),
    users: z.number(),
    /** When all meetings begin. */
    first: z.number(),
    perSecond: z.number(),
  }),
  z.object({ mode: z.literal("peak"), port: z.number(), users: z.number() }),
  z.object({ mode: z.literal("heap"), port: z.number(), users: z.number() }),
]);

export type SenderOrder = Readonly<z.infer<typeof SENDER_ORDER>>;

/** A process of the bench; ends with it. */
export class SipProcess {
  readonly #child: ChildProcess;

  constructor(program: "sip-sink" | "sip-sender", order?: SenderOrder) {
    const path = fileURLToPath(new URL(`./${program}.ts`, import.meta.url));
    const given = order === undefined ? [] : [JSON.stringify(order)];
    this.#child = fork(path, given, { execArgv: [...process.execArgv, "--expose-gc"] });
  }

  send(message: string): void {
    this.#child.send(message);
  }

  /** The next report of the kind; rejects when the process ends or the time (milliseconds) is over. */
  report<Kind extends SipReport["kind"]>(kind: Kind, limit: number): Promise<Extract<SipReport, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#child.off("message", take).off("exit", end);
      };
      const take = (message: unknown): void => {
        const report = SIP_REPORT.parse(message);
        if (!isOf(report, kind)) return;
        finish();
        resolve(report);
      };
      const end = (): void => {
        finish();
        reject(new Error(`a process of the bench ended before it reported "${kind}"`));
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`no "${kind}" within ${limit} ms`));
      }, limit);
      this.#child.on("message", take).on("exit", end);
    });
  }

  /** As a power cut. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGKILL");
    await ended;
  }
}

const isOf = <Kind extends SipReport["kind"]>(
  report: SipReport,
  kind: Kind,
): report is Extract<SipReport, { kind: Kind }> => report.kind === kind;
