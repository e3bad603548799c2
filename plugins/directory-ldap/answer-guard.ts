import type { Socket } from "node:net";
import { checkMessage, LdapSyntaxError, messageLength } from "./check-message.ts";
import { ldapError } from "./ldap-errors.ts";

/** Bytes of one page; more than this is no answer to what we ask. */
const LARGEST_ANSWER = 16_777_216;

/** Stands before the library: only whole and well-formed messages come through, and not more than one page may have. */
export class AnswerGuard {
  readonly #host: string;
  #socket: Socket | undefined;
  /** What has come of a message that is not whole yet. */
  #chunks: Buffer[] = [];
  #waiting = 0;
  #wanted: number | undefined;
  #size = 0;
  #hasMore = false;
  #problem: Error | undefined;

  constructor(host: string) {
    this.#host = host;
  }

  /** Guards this connection from now on: after StartTLS, the one above the first. */
  use<Stream extends Socket>(socket: Stream): Stream {
    this.#socket = socket;
    this.#chunks = [];
    this.#waiting = 0;
    this.#wanted = undefined;
    // Whoever listens for data gets all of it: what must not arrive has to be stopped where Node puts it in.
    const push = socket.push.bind(socket);
    socket.push = (chunk, encoding) => {
      if (!Buffer.isBuffer(chunk)) return push(chunk, encoding);
      return this.#take(chunk).reduce((goes, message) => push(message) && goes, true);
    };
    return socket;
  }

  /** Why the connection was ended, if the guard has. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** A new answer begins. */
  begin(): void {
    this.#size = 0;
    this.#hasMore = false;
  }

  /** Whether the answer says that there is another page. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** Ends the connection; safe twice. */
  end(): void {
    this.#socket?.on("error", () => undefined).destroy(new Error("Connection ended"));
  }

  #take(chunk: Buffer): readonly Buffer[] {
    if (this.#problem) return [];
    try {
      this.#size += chunk.length;
      if (this.#size > LARGEST_ANSWER) throw new LdapSyntaxError(`an answer of more than ${LARGEST_ANSWER} bytes`);
      return this.#messages(chunk);
    } catch (error) {
      const text = error instanceof LdapSyntaxError ? error.message : "it cannot be read";
      this.#problem = ldapError("ldap-incomplete", `${this.#host}: the answer is broken: ${text}`, error);
      this.end();
      return [];
    }
  }

  #messages(chunk: Buffer): readonly Buffer[] {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#wanted !== undefined && this.#waiting < this.#wanted) return [];
    let rest = Buffer.concat(this.#chunks);
    const messages: Buffer[] = [];
    for (;;) {
      this.#wanted = messageLength(rest);
      if (this.#wanted === undefined || rest.length < this.#wanted) break;
      const message = rest.subarray(0, this.#wanted);
      this.#hasMore = checkMessage(message).hasNextPage;
      messages.push(message);
      rest = rest.subarray(this.#wanted);
    }
    this.#chunks = [rest];
    this.#waiting = rest.length;
    return messages;
  }
}
