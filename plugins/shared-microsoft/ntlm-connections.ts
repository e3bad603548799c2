import type { Dispatcher } from "undici";
import { ConnectionGone, type HttpRequest, NtlmConnection, type NtlmConnectionOptions } from "./ntlm-connection.ts";

/** Connections that are logged in by NTLM, each used by one request at a time; as many as requests run at once. */
export class NtlmConnections {
  readonly #options: NtlmConnectionOptions;
  readonly #all = new Set<NtlmConnection>();
  readonly #idle: NtlmConnection[] = [];
  #isBound = false;

  constructor(options: NtlmConnectionOptions) {
    this.#options = options;
  }

  /** True when the last login was bound to its TLS channel. */
  get isBound(): boolean {
    return this.#isBound;
  }

  /** Sends the request over a connection that is free, or over a new one. Rejects as NtlmConnection does. */
  async request(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    for (;;) {
      signal.throwIfAborted();
      const reused = this.#takeIdle();
      const connection = reused ?? this.#open();
      try {
        const response = await connection.request(request, signal);
        this.#isBound = connection.isBound;
        this.#keepAfter(response, connection);
        return response;
      } catch (error) {
        this.#drop(connection);
        // The server closed an idle connection at the very moment it was taken: nothing was sent on it.
        if (reused && error instanceof ConnectionGone) continue;
        throw error;
      }
    }
  }

  /** Closes all connections; requests that run are rejected with the error. */
  async destroy(error: Error): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(all.map((connection) => connection.destroy(error)));
  }

  #open(): NtlmConnection {
    const connection = new NtlmConnection(this.#options);
    this.#all.add(connection);
    return connection;
  }

  #takeIdle(): NtlmConnection | undefined {
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (!connection.isClosed) return connection;
      this.#drop(connection);
    }
    return undefined;
  }

  /** A connection is free again when the answer has been read, and lost when the answer was left. */
  #keepAfter({ body }: Dispatcher.ResponseData, connection: NtlmConnection): void {
    let isSettled = false;
    const settle = (end: () => void) => (): void => {
      if (!isSettled) end();
      isSettled = true;
    };
    body.once(
      "end",
      settle(() => this.#release(connection)),
    );
    body.once(
      "close",
      settle(() => this.#drop(connection)),
    );
  }

  #release(connection: NtlmConnection): void {
    if (!this.#all.has(connection)) return;
    if (connection.isClosed) this.#drop(connection);
    else this.#idle.push(connection);
  }

  #drop(connection: NtlmConnection): void {
    this.#all.delete(connection);
    void connection.destroy(null); // never rejects
  }
}
