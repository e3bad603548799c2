// What Microsoft documents for getSchedule.
const DOCUMENTED = 20;

/** How many mailboxes one request asks for: as configured, and fewer once the service has refused so many. */
export class BatchSize {
  #size: number;

  constructor(configured: number) {
    this.#size = configured;
  }

  /** At least 1. */
  get now(): number {
    return this.#size;
  }

  /** The service refused so many; false when one was too many. */
  stepDown(refused: number): boolean {
    if (refused <= 1) return false;
    const smaller = refused > DOCUMENTED ? DOCUMENTED : Math.floor(refused / 2);
    this.#size = Math.min(this.#size, smaller);
    return true;
  }
}
