import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Instant } from "../../src/lib/time.ts";
import type { Population } from "./population.ts";

const POPULATION = z.object({
  users: z.number(),
  instants: z.tuple([z.number(), z.number(), z.number()]),
  later: z.number(),
});

const VERDICT = z.object({
  /** When the last of what was due had arrived, in milliseconds since 1970; absent when nothing was due or came. */
  lastAt: z.number().optional(),
  /** What was due and did not come, and what came twice or with the wrong content. */
  lost: z.number(),
  /** Publications that were not due. */
  surplus: z.number(),
});

/** What the sink says of the publications that it saw. */
export type Verdict = Readonly<z.infer<typeof VERDICT>>;

/** What the sink is told. */
export const SINK_ORDER = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("expect"), users: z.number(), publications: z.number() }),
  z.object({ kind: z.literal("judge"), population: POPULATION, at: z.number().optional() }),
]);

const SINK_ANSWER = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listening"), port: z.number() }),
  z.object({ kind: z.literal("complete") }),
  z.object({ kind: z.literal("verdict"), verdict: VERDICT }),
]);

/** What the sink tells. */
export type SinkAnswer = Readonly<z.infer<typeof SINK_ANSWER>>;

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

  /** Compares what was published since `expect` with what was due at the instant; without one nothing was. */
  async judge(population: Population, at: Instant | undefined): Promise<Verdict> {
    const answer = nextAnswer(this.#child, "verdict", 60_000);
    this.#child.send({ kind: "judge", population, at });
    const received = await answer;
    return received.kind === "verdict" ? received.verdict : { lost: 0, surplus: 0 };
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
