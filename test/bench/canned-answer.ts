import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Mailbox, parseMailbox } from "../../src/core/addresses.ts";
import { hours, instant, plus, type TimeWindow } from "../../src/lib/time.ts";

/** The account that the server knows. */
export const ACCOUNT = { user: "svc", password: "pw" };
/** Calendar entries of each mailbox. */
export const ENTRIES = 20;
export const CANNED_MAILBOXES: readonly Mailbox[] = Array.from({ length: 100 }, (_, index) =>
  parseMailbox(`user${index}@example.com`),
);
const START = instant(Date.parse("2026-11-02T00:00:00Z"));
/** The window that is asked for. */
export const CANNED_DAY: TimeWindow = { start: START, end: plus(START, hours(24)) };

const MESSAGE = z.object({ url: z.string(), answer: z.string() });

/** A running server with the canned answer. */
export interface CannedExchange {
  readonly url: string;
  /** The bytes of the answer. */
  readonly answer: Buffer;
  stop(): void;
}

/** Starts the server in a process of its own. */
export async function startCannedExchange(): Promise<CannedExchange> {
  const child = fork(fileURLToPath(new URL("./canned-exchange.ts", import.meta.url)));
  const message = await new Promise<unknown>((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`the canned Exchange ended with ${code}`)));
  });
  const { url, answer } = MESSAGE.parse(message);
  return { url, answer: Buffer.from(answer, "base64"), stop: () => child.kill("SIGKILL") };
}
