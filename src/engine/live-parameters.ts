import { type Parameters, readParameters } from "../ports/parameters.ts";
import type { Registry } from "../ports/registry.ts";

/** The service parameters as last stored; `reload` after a change. */
export class LiveParameters implements Parameters {
  readonly #registry: Registry;
  #stored: Readonly<Record<string, string>> = {};
  readonly #read = readParameters(() => this.#stored);
  readonly integer: Parameters["integer"] = (name) => this.#read.integer(name);
  readonly choice: Parameters["choice"] = (name) => this.#read.choice(name);

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Reads what is stored now. */
  async reload(): Promise<void> {
    this.#stored = await this.#registry.listParameters();
  }
}
