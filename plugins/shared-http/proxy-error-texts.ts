/** What a plugin's table of errors says of each ProxyFailure. */
export const PROXY_ERROR_TEXTS = {
  unavailable: {
    type: "wait",
    meaning: "The proxy cannot be reached, does not answer, hangs up, or is no HTTP proxy.",
    action: "Check the option proxy, the proxy, and the network to it.",
  },
  unauthorized: {
    type: "auth",
    meaning: "The proxy wants a login, or refused the one it was given (HTTP 407).",
    action: "Set proxy-user and proxy-password for a proxy that takes Basic, or let the gateway pass without a login.",
  },
  refused: {
    type: "wait",
    meaning: "The proxy does not connect to the server.",
    action: "Allow CONNECT to the server's host and port at the proxy; HTTP 502 to 504 mean that it does not reach it.",
  },
} as const;
