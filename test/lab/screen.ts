/** Prints the story as it happens: one line an event, so that it reads well in a terminal, a pipe and a CI log. */
export interface Screen {
  title(text: string): void;
  /** Somebody does something. */
  act(text: string): void;
  /** A contact's client shows something new. */
  see(text: string): void;
  /** A contact's phone shows something new. */
  ring(text: string): void;
  pass(text: string): void;
  fail(text: string): void;
  plain(text: string): void;
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

/** A screen that writes to this stream; colours only where somebody looks. */
export function createScreen(stream: NodeJS.WriteStream): Screen {
  const paint = (code: keyof typeof CODES, text: string): string =>
    stream.isTTY && !process.env["NO_COLOR"] ? `\u001b[${CODES[code]}m${text}\u001b[0m` : text;
  const line = (text: string): void => void stream.write(`${text}\n`);
  const clock = (): string => paint("dim", new Date().toTimeString().slice(0, 8));
  return {
    title: (text) => line(`\n${paint("bold", text)}`),
    act: (text) => line(`${clock()}  ${text}`),
    see: (text) => line(`${clock()}      ${paint("cyan", `bob's client: ${text}`)}`),
    ring: (text) => line(`${clock()}      ${paint("cyan", `bob's phone:  ${text}`)}`),
    pass: (text) => line(`${clock()}  ${paint("green", "✓")} ${text}`),
    fail: (text) => line(`${clock()}  ${paint("red", `✗ ${text}`)}`),
    plain: line,
  };
}
