import type { Dispatcher } from "undici";
import {
  ConnectionGone,
  type ConnectionOptions,
  type HttpRequest,
  LoginConnection,
  type NtlmScheme,
} from "./login-connection.ts";

/** Connections to one server, each used by one request at a time; as many as requests run at once. */
export class LoginConnections {
  readonly #options: ConnectionOptions;
  readonly #all = new Set<LoginConnection>();
  readonly #idle: LoginConnection[] = [];
  #isBound = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** True when the last login was bound to its TLS channel. */
  get isBound(): boolean {
    return this.#isBound;
  }

  /** Sends the request over a connection that is free, or over a new one. Rejects as LoginConnection does. */
  async request(
    request: HttpRequest,
    scheme: NtlmScheme | "none",
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    for (;;) {
      signal.throwIfAborted();
      const reused = this.#idle.pop();
      const connection = reused ?? this.#open();
      try {
        const response = await connection.request(request, scheme, signal);
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

  #open(): LoginConnection {
    const connection = new LoginConnection(this.#options, (closed) => this.#drop(closed));
    this.#all.add(connection);
    return connection;
  }

  /** A connection is free again when the answer has been read, and lost when the answer was left. */
  #keepAfter({ body }: Dispatcher.ResponseData, connection: LoginConnection): void {
    let isRead = false;
    body.once("end", () => {
      isRead = true;
      // It may have been closed meanwhile.
      if (this.#all.has(connection)) this.#idle.push(connection);
    });
    body.once("close", () => {
      if (!isRead) this.#drop(connection);
    });
  }

  #drop(connection: LoginConnection): void {
    if (!this.#all.delete(connection)) return;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    void connection.destroy(new ConnectionGone("the connection was given up")); // never rejects
  }
}
