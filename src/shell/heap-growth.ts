import { setFlagsFromString } from "node:v8";

/** With more users than this their data is most of the heap, and it lives for days. */
const MANY_USERS = 30_000;

/**
 * Tells V8 how far the heap may grow before it is searched for garbage. By default that is several times of what lives,
 * which for many users would be a gigabyte; a quarter costs some time, which with few users is not worth the memory.
 */
export function limitHeapGrowth(users: number): void {
  setFlagsFromString(`--heap-growing-percent=${users > MANY_USERS ? 25 : 100}`);
}
