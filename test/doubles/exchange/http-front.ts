import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authenticator } from "./authentication.ts";
import { type AutodiscoverFront, answerAutodiscover } from "./autodiscover.ts";
import { parseCall, parseSoapRequest, type SoapRequest } from "./call.ts";
import type { ExchangeClock } from "./clock.ts";
import type { EwsSwitch } from "./ews-switch.ts";
import type { BusyAnswer, Fault, Faults } from "./faults.ts";
import type { Account, Answer, Call, Site } from "./site.ts";
import { EwsFault, encodeEnvelope, encodeFault } from "./soap.ts";
import type { ExchangeStats } from "./stats.ts";
import type { Throttle } from "./throttling.ts";
import { encodeVersionInfo } from "./versions.ts";
import { encodeBusyBody, HTML_PAGE, sendStatus, sendText, UNAVAILABLE_PAGE } from "./wire.ts";

const PATH = "/ews/exchange.asmx";
const MAXIMUM_REQUEST_BYTES = 4 * 1024 * 1024;

/** What the HTTP side of the server needs. */
export interface FrontContext {
  readonly site: Site;
  readonly authenticator: Authenticator;
  readonly faults: Faults;
  readonly stats: ExchangeStats;
  readonly autodiscover: AutodiscoverFront;
  readonly ewsSwitch: EwsSwitch;
  readonly throttle: Throttle;
  readonly operations: ReadonlyMap<string, (call: Call) => Answer>;
  openStreaming(call: Call, response: ServerResponse): void;
}

/** Answers one HTTP request; never rejects. */
export async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  context: FrontContext,
): Promise<void> {
  const { stats } = context;
  stats.countInFlight(1);
  response.on("close", () => stats.countInFlight(-1));
  try {
    if (await answerAutodiscover(request, response, context)) return;
    await answerRequest(request, response, context);
  } catch (error) {
    if (response.destroyed) return;
    const fault = error instanceof EwsFault ? error : new EwsFault("ErrorInternalServerError", String(error));
    stats.countRefusal(fault.code);
    sendText(response, { status: 500, text: encodeFault(fault) }, context.faults.pieceSize);
  }
}

async function answerRequest(request: IncomingMessage, response: ServerResponse, context: FrontContext): Promise<void> {
  const { faults, site, stats } = context;
  const account = admit(request, response, context);
  if (account === undefined) return;
  const bytes = await readBody(request);
  if (bytes === undefined) {
    refuse(response, 413, stats);
    return;
  }
  const soap = parseSoapRequest(bytes);
  stats.countRequest(soap.operation);
  const fault = faults.takeFault(soap.operation);
  if (fault !== undefined) stats.countRefusal(fault.kind);
  const call = parseCall(soap, account, request, site);
  if (context.ewsSwitch.refuse(call.impersonated?.smtp, response)) {
    stats.countRefusal("ews-off");
    return;
  }
  const isStreaming = call.operation === "GetStreamingEvents";
  // GetStreamingEvents does not count against EWSMaxConcurrency; it has a limit of its own.
  if (!isStreaming) response.on("close", context.throttle.take("request", call));
  const busy = context.throttle.spend(call);
  if (busy !== undefined) {
    stats.countRefusal("server-busy");
    sendBusy(busy, soap, response, context);
    return;
  }
  if (faults.delay > 0) await pause(faults.delay, site.clock);
  if (response.destroyed || (fault !== undefined && applyFault(fault, soap, response, context))) return;
  if (isStreaming) context.openStreaming(call, response);
  else perform(call, response, context, fault);
}

/** The account, once path, method and credentials are right; undefined when the refusal has been sent. */
function admit(request: IncomingMessage, response: ServerResponse, context: FrontContext): Account | undefined {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  if (path.toLowerCase() !== PATH) {
    refuse(response, 404, context.stats);
    return undefined;
  }
  const result = context.authenticator.authenticate(request);
  for (const [name, value] of Object.entries(result.headers ?? {})) response.setHeader(name, value);
  if ("challenges" in result) {
    refuse(response, 401, context.stats, { "WWW-Authenticate": result.challenges });
    return undefined;
  }
  if (request.method !== "POST") {
    refuse(response, 405, context.stats, { Allow: "POST" });
    return undefined;
  }
  if (!/^text\/xml\b/i.test(request.headers["content-type"] ?? "")) {
    refuse(response, 415, context.stats);
    return undefined;
  }
  return result.account;
}

function refuse(
  response: ServerResponse,
  status: number,
  stats: ExchangeStats,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): void {
  stats.countRefusal(`http-${status}`);
  sendStatus(response, status, headers);
}

function perform(call: Call, response: ServerResponse, context: FrontContext, fault: Fault | undefined): void {
  const operation = context.operations.get(call.operation);
  if (operation === undefined) {
    throw new EwsFault(
      "ErrorInvalidRequest",
      `The request is invalid: the operation ${call.operation} is not offered.`,
    );
  }
  const { body, headers = {} } = operation(call);
  countErrors(body, context.stats);
  const text = encodeEnvelope(encodeVersionInfo(context.site.version), body);
  sendText(
    response,
    { status: 200, text: distort(text, fault), headers, isCut: isCut(fault) },
    context.faults.pieceSize,
  );
}

function countErrors(body: string, stats: ExchangeStats): void {
  if (!body.includes('ResponseClass="Error"')) return;
  for (const match of body.matchAll(/ResponseCode>(Error\w+)</g)) stats.countRefusal(match[1] ?? "");
}

/** Answers in the fault's place; false for faults that only distort the right answer. */
function applyFault(fault: Fault, soap: SoapRequest, response: ServerResponse, context: FrontContext): boolean {
  switch (fault.kind) {
    case "server-busy":
      sendBusy(fault, soap, response, context);
      return true;
    case "unauthorized":
      sendStatus(response, 401, { "WWW-Authenticate": 'Basic realm="exchange"' });
      return true;
    case "forbidden":
      sendStatus(response, 403);
      return true;
    case "html":
      sendText(response, { status: 200, text: HTML_PAGE, type: "text/html" }, context.faults.pieceSize);
      return true;
    case "fault-without-detail":
      sendText(
        response,
        {
          status: 200,
          text: encodeFault(
            new EwsFault("ErrorInternalServerError", "An internal server error occurred."),
            "without-detail",
          ),
        },
        context.faults.pieceSize,
      );
      return true;
    case "hang":
      return true;
    case "drop":
      response.destroy();
      return true;
    case "truncated":
    case "oversized":
      return false;
  }
}

function sendBusy(fault: BusyAnswer, soap: SoapRequest, response: ServerResponse, context: FrontContext): void {
  const { pieceSize } = context.faults;
  if (fault.form === "http503") {
    const wait = fault.backOffMilliseconds;
    const headers = wait === undefined ? {} : { "Retry-After": String(Math.ceil(wait / 1000)) };
    sendText(response, { status: 503, text: UNAVAILABLE_PAGE, type: "text/html", headers }, pieceSize);
    return;
  }
  if (fault.form === "inner200") {
    const body = encodeBusyBody(soap, fault.backOffMilliseconds);
    sendText(response, { status: 200, text: encodeEnvelope(encodeVersionInfo(context.site.version), body) }, pieceSize);
    return;
  }
  const text = "The server cannot service this request right now. Try again later.";
  sendText(
    response,
    { status: 500, text: encodeFault(new EwsFault("ErrorServerBusy", text, fault.backOffMilliseconds)) },
    pieceSize,
  );
}

function distort(text: string, fault: Fault | undefined): string {
  if (fault?.kind === "truncated") return text.slice(0, text.length / 2);
  if (fault?.kind === "oversized") return text.replace("</s:Body>", `<!--${"x".repeat(fault.bytes)}--></s:Body>`);
  return text;
}

function isCut(fault: Fault | undefined): boolean {
  return fault?.kind === "truncated" && fault.form === "connection";
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    // What is too much is read and thrown away, so that the refusal reaches the client.
    if (size <= MAXIMUM_REQUEST_BYTES) chunks.push(chunk);
  }
  return size <= MAXIMUM_REQUEST_BYTES ? Buffer.concat(chunks) : undefined;
}

function pause(milliseconds: number, clock: ExchangeClock): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, milliseconds));
}
