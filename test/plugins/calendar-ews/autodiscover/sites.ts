import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Mailbox } from "../../../../src/core/addresses.ts";
import { followClock } from "../../../doubles/exchange/clock.ts";
import { type SimulatedExchange, startExchange } from "../../../doubles/exchange/exchange.ts";
import { listenOnLoopback } from "../../../doubles/listen-on-loopback.ts";
import { ACCOUNT, addMailboxes, type Scenario, type ScenarioOptions, startScenario, until } from "../scenario.ts";

/** A server of somebody else, which notes every request with its body. */
export interface ForeignServer {
  /** By a name that is not the configured server's. */
  readonly origin: string;
  /** False: it shows a web page to everybody. */
  asksForLogin: boolean;
  readonly heard: readonly { readonly authorization: string | undefined; readonly body: string }[];
}

/** Two sites of one organisation, and a stranger. The head office has the configured server and Autodiscover. */
export interface Sites extends Scenario {
  readonly branch: SimulatedExchange;
  readonly foreign: ForeignServer;
  readonly mailboxes: readonly Mailbox[];
  /** The keys that the source gives for these, or for all. */
  locate(mailboxes?: readonly Mailbox[]): Promise<readonly string[]>;
}

/** Starts the sites with so many mailboxes, known at both, whom Autodiscover has at the head office; `end` them. */
export async function startSites(count: number, given: ScenarioOptions = {}): Promise<Sites> {
  const scenario = await startScenario({ ...given, options: { autodiscover: "on", ...given.options } });
  const { exchange, runtime, source, signal } = scenario;
  const branch = await startExchange({ accounts: [ACCOUNT], clock: followClock(runtime.clock) });
  const stranger = await listenAsStranger();
  const mailboxes = addMailboxes(exchange, count);
  addMailboxes(branch, count);
  exchange.autodiscover.offers = ["soap", "pox"];
  for (const mailbox of mailboxes) exchange.autodiscover.set(mailbox, { externalEwsUrl: exchange.url });
  return {
    ...scenario,
    branch,
    foreign: stranger,
    mailboxes,
    locate: async (some = mailboxes) => (await source.locateMailboxes?.(some, signal)) ?? [],
    async end() {
      await scenario.end();
      await branch.stop();
      stranger.server.close();
      await until(() => !stranger.server.listening);
    },
  };
}

async function listenAsStranger(): Promise<ForeignServer & { readonly server: Server }> {
  const heard: { authorization: string | undefined; body: string }[] = [];
  const server = createServer(async (request, response) => {
    heard.push({ authorization: request.headers.authorization, body: await readText(request) });
    if (stranger.asksForLogin) response.writeHead(401, { "WWW-Authenticate": 'Basic realm="exchange"' }).end();
    else response.writeHead(200, { "Content-Type": "text/html" }).end("<!DOCTYPE html><html></html>");
  });
  const port = await listenOnLoopback(server);
  const stranger = { origin: `http://127.0.0.1:${port}`, asksForLogin: true, heard, server };
  return stranger;
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
