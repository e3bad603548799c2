import { createServer, type ServerResponse } from "node:http";
import { listenOnLoopback } from "../doubles/listen-on-loopback.ts";

/** What the server says of the mailboxes asked for; `undefined` leaves the request without an answer. */
export type HostileAnswer = (mailboxes: readonly string[]) => string | Iterable<string>;

/** A server whose answers to GetUserAvailability are whatever the test says; every other request is refused. */
export interface HostileExchange {
  readonly url: string;
  answer: HostileAnswer;
  /** Requests to read calendars so far. */
  readonly reads: number;
  stop(): Promise<void>;
}

const ENVELOPE = ["<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>", "</s:Body></s:Envelope>"];

/** Listens on 127.0.0.1. */
export async function startHostileExchange(answer: HostileAnswer): Promise<HostileExchange> {
  let reads = 0;
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    if (!text.includes("GetUserAvailabilityRequest")) {
      // An empty request asks which logins there are.
      response.writeHead(text === "" ? 401 : 403, { "www-authenticate": 'Basic realm="exchange"' }).end();
      return;
    }
    reads++;
    const mailboxes = [...text.matchAll(/<t:Address>([^<]*)</g)].map(([, address = ""]) => address);
    response.writeHead(200, { "content-type": "text/xml" });
    const said = exchange.answer(mailboxes);
    await send(response, typeof said === "string" ? [said] : said);
  });
  const port = await listenOnLoopback(server);
  const exchange: HostileExchange = {
    url: `http://127.0.0.1:${port}/EWS/Exchange.asmx`,
    answer,
    get reads() {
      return reads;
    },
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return exchange;
}

async function send(response: ServerResponse, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
  }
  response.end();
}

/** A whole answer around FreeBusyResponse elements. */
export const availability = (...responses: readonly string[]): string =>
  `${ENVELOPE[0]}<GetUserAvailabilityResponse><FreeBusyResponseArray>${responses.join("")}</FreeBusyResponseArray></GetUserAvailabilityResponse>${ENVELOPE[1]}`;

/** One mailbox's answer with one entry, its times as they are given. */
export const freeBusy = (start: string, end: string): string =>
  `<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage><FreeBusyView><FreeBusyViewType>FreeBusy</FreeBusyViewType><CalendarEventArray><CalendarEvent><StartTime>${start}</StartTime><EndTime>${end}</EndTime><BusyType>Busy</BusyType></CalendarEvent></CalendarEventArray></FreeBusyView></FreeBusyResponse>`;
