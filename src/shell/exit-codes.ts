/** The program's exit codes; docs/OPERATIONS.md explains each. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  configuration: 3,
  store: 4,
  "already running": 5,
} as const;
