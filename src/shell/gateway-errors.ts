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
  "list-unreadable": {
    type: "modify",
    meaning: "the file that a command takes, or the standard input, cannot be read as text",
    action: "Name the right file, at most 16 MiB, and save it as UTF-8 (or Excel's Unicode text).",
  },
  "metrics-unavailable": {
    type: "modify",
    meaning: "metrics cannot be served at the configured address",
    action: "Choose another `metrics.listen`.",
  },
  "calendar-not-located": {
    type: "wait",
    meaning: "where mailboxes are could not be found out within a minute",
    action: "Nothing: they are watched in any order. `gateway show` says what is wrong with Autodiscover.",
  },
  "notification-port-taken": {
    type: "modify",
    meaning: "the gateway cannot listen for calendar servers' notifications: the port is taken or not allowed",
    action:
      "Find the other program (`ss -lntup`) and end it, or choose another port with `parameter set exchange-notification-port <port>`; tell the firewall too.",
  },
  "notification-port-changed": {
    type: "wait",
    meaning: "the port for calendar servers' notifications was changed",
    action: "Nothing: what is to be notified of is subscribed anew at the new port.",
  },
  "notification-address-unknown": {
    type: "modify",
    meaning: "the gateway does not know under which name calendar servers reach it",
    action: "Set `[notifications] address` in the configuration file to a name or an address of this machine.",
  },
  "notification-source-invalid": {
    type: "modify",
    meaning: "what notifications are to be taken from is not an IP address or a block such as 192.0.2.0/24",
    action: "Correct it in the calendar server's options with `gateway set`.",
  },
  "notification-webhook-not-configured": {
    type: "modify",
    meaning: "the configuration file does not say how webhooks reach the gateway",
    action:
      "Set `[notifications] certificate` and `key`, or `public-url` where a reverse proxy has the certificate. Until then calendars are read at intervals.",
  },
  "notification-certificate-unusable": {
    type: "modify",
    meaning: "the webhooks' certificate or its key cannot be read, or they do not belong together",
    action:
      "Mend the files that `[notifications] certificate` and `key` name (PEM; the certificate first, then those of its issuers) and let the gateway's account read them.",
  },
  "notification-not-running": {
    type: "cancel",
    meaning: "notifications cannot be heard now",
    action: "Nothing: the gateway is stopping, or this is a check beside it.",
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
