import type { TestStep } from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { Deadline } from "./deadline.ts";

/** What a source is between its start and its stop. */
export interface RunOptions<Connection> {
  /** Makes ready; `lifetime` aborts when the source stops. */
  readonly connect: (lifetime: AbortSignal, signal: AbortSignal) => Promise<Connection>;
  /** The error for what is asked of a source that does not run. */
  readonly stopped: () => GatewayError;
  readonly clock: Clock;
}

/** A source's connection from its start to its stop; what it is asked to do ends with it. */
export class SourceRun<Connection> {
  readonly #options: RunOptions<Connection>;
  #current: { readonly connection: Connection; readonly lifetime: AbortController } | undefined;
  #hasStopped = false;

  constructor(options: RunOptions<Connection>) {
    this.#options = options;
  }

  /** Undefined before the start and after the stop. */
  get connection(): Connection | undefined {
    return this.#current?.connection;
  }

  /** False again after the next start. */
  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** Connects, unless that is done. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#current) return;
    const lifetime = new AbortController();
    this.#current = { connection: await this.#options.connect(lifetime.signal, signal), lifetime };
    this.#hasStopped = false;
  }

  /** Ends all work; returns the connection, to be closed, where there was one. */
  stop(): Connection | undefined {
    const current = this.#current;
    this.#current = undefined;
    this.#hasStopped = true;
    current?.lifetime.abort(this.#options.stopped());
    return current?.connection;
  }

  /** Does something that ends with the source, or with the signal. */
  async perform<Result>(
    task: (connection: Connection, signal: AbortSignal) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const { connection, ended } = this.#begin(signal);
    try {
      return await task(connection, ended.signal);
    } finally {
      ended.end();
    }
  }

  /** Watches something until the source stops, or until the signal aborts. */
  async *watch<Change>(
    watch: (connection: Connection, signal: AbortSignal) => AsyncIterable<Change>,
    signal: AbortSignal,
  ): AsyncGenerator<Change, void> {
    const { connection, ended } = this.#begin(signal);
    try {
      yield* watch(connection, ended.signal);
    } finally {
      ended.end();
    }
  }

  /** The server's test; of a source that does not run it is one failed step. */
  async *test(
    steps: (connection: Connection) => AsyncIterable<TestStep>,
    signal: AbortSignal,
  ): AsyncGenerator<TestStep, void> {
    signal.throwIfAborted();
    if (this.#current) yield* steps(this.#current.connection);
    else yield { step: "start", ok: false, detail: this.#options.stopped().message, milliseconds: 0 };
  }

  #begin(signal: AbortSignal): { readonly connection: Connection; readonly ended: Deadline } {
    signal.throwIfAborted();
    if (!this.#current) throw this.#options.stopped();
    const { connection, lifetime } = this.#current;
    return { connection, ended: new Deadline(this.#options.clock, signal, lifetime.signal) };
  }
}
