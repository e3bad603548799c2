import type { SipMessage } from "./sip-message.ts";

/**
 * sip.js, loaded when it is first needed: its grammar is complete, and takes milliseconds for each message. So it reads
 * what comes rarely: the configuration, and requests that are no NOTIFY (docs/decisions/0014-sip.md).
 */
const loadGrammar = () => import("sip.js/lib/grammar/index.js");
async function loadParser() {
  const [{ Parser }, { LoggerFactory }] = await Promise.all([
    import("sip.js/lib/core/messages/parser.js"),
    import("sip.js/lib/core/log/logger-factory.js"),
  ]);
  const factory = new LoggerFactory();
  factory.builtinEnabled = false; // or it writes to the console
  return (text: string) => Parser.parseMessage(text, factory.getLogger("parser"));
}

/** True for a `name-addr` or an `addr-spec` with a SIP URI (RFC 3261 25.1). */
export async function isNameAddr(text: string): Promise<boolean> {
  const { Grammar } = await loadGrammar();
  return text.length <= 1024 && Grammar.nameAddrHeaderParse(text) !== undefined;
}

/** True for a message that the grammar of RFC 3261 accepts in all its known headers. */
export async function isWellFormed(message: SipMessage): Promise<boolean> {
  const parse = await loadParser();
  try {
    return parse(message.text) !== undefined;
  } catch {
    return false; // its parser throws for some messages that it cannot read
  }
}
