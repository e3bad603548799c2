import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** HTTP requests of this process that wait for the head of their answer. */
export interface RequestWatch {
  readonly waiting: number;
  end(): void;
}

/** Counts by undici's diagnostics channels, so that simulated time can wait for what travels in real time. */
export function watchRequests(): RequestWatch {
  const waiting = new Set<unknown>();
  const requestOf = (message: unknown): unknown =>
    typeof message === "object" && message !== null && "request" in message ? message.request : undefined;
  const begin = (message: unknown): void => void waiting.add(requestOf(message));
  const finish = (message: unknown): void => void waiting.delete(requestOf(message));
  const listeners = [
    ["undici:request:create", begin],
    ["undici:request:headers", finish],
    ["undici:request:error", finish],
  ] as const;
  for (const [channel, listener] of listeners) subscribe(channel, listener);
  return {
    get waiting() {
      return waiting.size;
    },
    end: () => {
      for (const [channel, listener] of listeners) unsubscribe(channel, listener);
    },
  };
}

/** A request that is not answered for so long will not be; in milliseconds of real time. */
const HOPELESS = 300;

/** Resolves when nothing has moved for some turns of the event loop, and no answer is on its way. */
export async function quiet(progress: () => string, requests: RequestWatch): Promise<void> {
  let [last, same, since] = ["", 0, performance.now()];
  while (same < 10 || (requests.waiting > 0 && performance.now() - since < HOPELESS)) {
    await new Promise((resolve) => setImmediate(resolve));
    const present = `${progress()} ${requests.waiting}`;
    if (present === last) same++;
    else [last, same, since] = [present, 0, performance.now()];
  }
}
