import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const PUBLICATION = z.object({ publisher: z.string(), to: z.string(), at: z.number(), stanza: z.string() });

/** One publication as the sink saw it: the JID, when it had arrived (milliseconds since 1970), and the whole stanza. */
export type Publication = z.infer<typeof PUBLICATION>;

/** What the sink is told. */
export const SINK_ORDER = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("expect"), users: z.number(), publications: z.number() }),
  z.object({ kind: z.literal("report") }),
]);

const SINK_ANSWER = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listening"), port: z.number() }),
  z.object({ kind: z.literal("complete") }),
  z.object({ kind: z.literal("report"), publications: z.array(PUBLICATION) }),
]);

/** What the sink tells. */
export type SinkAnswer =
  | Readonly<z.infer<typeof SINK_ANSWER>>
  | { readonly kind: "report"; readonly publications: readonly Publication[] };

/** The sink's process, seen from the bench. */
export class SinkProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<SinkProcess> {
    const child = fork(fileURLToPath(new URL("./sink.ts", import.meta.url)));
    const answer = await nextAnswer(child, "listening", 10_000);
    return new SinkProcess(child, answer.kind === "listening" ? answer.port : 0);
  }

  /** Forgets what was seen; from now on this many users are online and this many publications are awaited. */
  expect(users: number, publications: number): void {
    this.#child.send({ kind: "expect", users, publications });
  }

  /** Resolves when the awaited number has come, or when the deadline (milliseconds) has passed. */
  async complete(deadline: number): Promise<void> {
    await nextAnswer(this.#child, "complete", deadline).catch(() => undefined);
  }

  /** Everything published since `expect`, in the order of arrival. */
  async report(): Promise<readonly Publication[]> {
    const answer = nextAnswer(this.#child, "report", 30_000);
    this.#child.send({ kind: "report" });
    const report = await answer;
    return report.kind === "report" ? report.publications : [];
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

function nextAnswer(child: ChildProcess, kind: SinkAnswer["kind"], deadline: number): Promise<SinkAnswer> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      child.off("message", receive);
    };
    const receive = (message: unknown): void => {
      const answer = SINK_ANSWER.parse(message);
      if (answer.kind !== kind) return;
      finish();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      finish();
      reject(new Error(`the sink did not say "${kind}" within ${deadline} ms`));
    }, deadline);
    child.on("message", receive);
  });
}
