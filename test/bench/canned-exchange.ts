/**
 * An Exchange in a process of its own that gives everybody the same answer to GetUserAvailability, made once: 100
 * mailboxes with 20 entries each. What else a client asks is answered by the simulated Exchange behind it.
 */
import { createServer, type IncomingMessage } from "node:http";
import { availabilityOperation } from "../../plugins/calendar-ews/availability.ts";
import { startExchange } from "../doubles/exchange/exchange.ts";
import { ACCOUNT, CANNED_DAY, CANNED_MAILBOXES, ENTRIES } from "./canned-answer.ts";

const MINUTE = 60_000;
const exchange = await startExchange({ accounts: [{ ...ACCOUNT, mayImpersonate: true }] });
for (const [index, mailbox] of CANNED_MAILBOXES.entries()) {
  const calendar = exchange.addMailbox(mailbox);
  for (let entry = 0; entry < ENTRIES; entry++) {
    const start = CANNED_DAY.start + (60 + entry * 60 + (index % 30)) * MINUTE;
    calendar.addMeeting({ start, end: start + 25 * MINUTE, status: entry % 5 === 4 ? "tentative" : "busy" });
  }
}

const authorization = `Basic ${Buffer.from(`${ACCOUNT.user}:${ACCOUNT.password}`).toString("base64")}`;
const ask = (body: string): Promise<Response> =>
  fetch(exchange.url, { method: "POST", headers: { authorization, "content-type": "text/xml; charset=utf-8" }, body });

const query = { host: "canned", mailboxes: CANNED_MAILBOXES, window: CANNED_DAY };
const request = availabilityOperation(query).encode("Exchange2013_SP1").body;
const canned = Buffer.from(await (await ask(request)).arrayBuffer());

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const server = createServer(async (request, response) => {
  const body = await read(request);
  const answer = body.includes("GetUserAvailabilityRequest")
    ? canned
    : Buffer.from(await (await ask(body)).arrayBuffer());
  response.writeHead(200, { "Content-Type": "text/xml; charset=utf-8", "Content-Length": answer.length });
  response.end(answer);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  process.send?.({ url: `http://localhost:${port}/EWS/Exchange.asmx`, answer: canned.toString("base64") });
});
process.on("disconnect", () => process.exit());
