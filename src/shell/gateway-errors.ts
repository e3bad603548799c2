/** Error codes of the program itself: what each means, and what the administrator should do. */
export const GATEWAY_ERROR_CODES = {
  "config-unreadable": {
    type: "modify",
    meaning: "the configuration file cannot be read",
    action: "Name the right file with `--config` and let the gateway's account read it.",
  },
  "config-invalid": {
    type: "modify",
    meaning: "the configuration file has errors",
    action: "The message names every problem by its path; docs/CONFIGURATION.md has each setting.",
  },
  "gateway-already-running": {
    type: "cancel",
    meaning: "another gateway runs on this store",
    action: "Stop it first, or give this one a store of its own.",
  },
  "control-unavailable": {
    type: "modify",
    meaning: "the control socket beside the store cannot be used",
    action: "Run the command as the gateway's own account; keep the store's path under 100 bytes.",
  },
  "metrics-unavailable": {
    type: "modify",
    meaning: "metrics cannot be served at the configured address",
    action: "Choose another `metrics.listen`.",
  },
  "calendar-type-unknown": {
    type: "modify",
    meaning: "a calendar server is of a type that this program does not have",
    action: "Remove it with `gateway remove`, or run a version that has the type.",
  },
  "calendar-options-invalid": {
    type: "modify",
    meaning: "the stored options of a calendar server are not valid (any more)",
    action: "Mend the named options with `gateway set`.",
  },
  "calendar-no-test": {
    type: "cancel",
    meaning: "a calendar server that does not run cannot be tested",
    action: "See `gateway show` for why it does not run.",
  },
  "calendar-no-names": {
    type: "cancel",
    meaning: "a calendar server that does not run, or that has no folders, cannot be asked for the name of one",
    action: "See `gateway show` for why it does not run.",
  },
  "calendar-stopped": {
    type: "cancel",
    meaning: "the calendar server was stopped or configured anew while a request was under way",
    action: "Nothing: it is read again.",
  },
  "internal-error": {
    type: "wait",
    meaning: "a defect of the gateway",
    action: "Report it with the log lines around it; the work it concerned is tried again.",
  },
} as const;
