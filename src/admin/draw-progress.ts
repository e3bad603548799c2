import { seconds } from "../lib/time.ts";
import type { Clock } from "../ports/runtime.ts";
import type { CommandResult } from "./command.ts";
import { drawLine, drawText } from "./draw-text.ts";

/** How a command came out: the text that closes its answer, and whether what it tried has failed. */
export interface Closing {
  readonly text: string;
  readonly hasFailed: boolean;
}

/** A result as text, piece by piece: the lines of a progress as they are known, then what closes the answer. */
export async function* drawPieces(result: CommandResult): AsyncGenerator<string, Closing, undefined> {
  if (result.kind !== "progress") return { text: drawText(result), hasFailed: result.hasFailed === true };
  const { title, lines } = result;
  try {
    if (title !== undefined) yield drawLine(title);
    for (;;) {
      const next = await lines.next();
      if (next.done) return { text: drawText(next.value), hasFailed: next.value.hasFailed === true };
      yield drawLine(next.value);
    }
  } finally {
    lines.return({ kind: "text", text: "" }).catch(() => undefined); // when it is left early; nobody waits for it
  }
}

/** A chat is no terminal: what comes within this time is one message. */
const GATHERING = seconds(1);

type Pieces = AsyncGenerator<string, Closing, undefined>;
type Piece = IteratorResult<string, Closing>;

/** Pieces joined to messages, so that each is shown soon and together they are few; the closing text is in the last. */
export async function* gatherPieces(
  pieces: Pieces,
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let next = pieces.next();
  for (let isClosed = false; !isClosed; ) {
    let piece: Piece | undefined = await next;
    const message: string[] = [];
    const over = new AbortController();
    const pause = sleepQuietly(clock, AbortSignal.any([signal, over.signal]));
    while (piece) {
      message.push(piece.done ? piece.value.text : piece.value);
      isClosed = piece.done === true;
      if (isClosed) break;
      next = pieces.next();
      // A failure waits until what came before it is told.
      piece = await Promise.race([next, pause]).catch(() => undefined);
    }
    over.abort();
    yield message.join("\n");
  }
}

const sleepQuietly = (clock: Pick<Clock, "sleep">, signal: AbortSignal): Promise<undefined> =>
  clock.sleep(GATHERING, signal).then(
    () => undefined,
    () => undefined,
  );
