import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSipConnection } from "../../../plugins/shared-sip/open-sip-connection.ts";
import type { SipConnection } from "../../../plugins/shared-sip/sip-connection.ts";
import type { IncomingSipRequest } from "../../../plugins/shared-sip/sip-server.ts";
import { EventStateCompositor } from "../../doubles/sip/event-state-compositor.ts";
import { headerOf } from "../../doubles/sip/sip-text.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createTestTrust } from "../../doubles/trust.ts";
import { untilTrue } from "./until-true.ts";

const signal = new AbortController().signal;
let server: EventStateCompositor;
let connection: SipConnection;

const start = async (transport: "tcp" | "udp"): Promise<void> => {
  server = await EventStateCompositor.start({ transport });
  const settings = { server: `127.0.0.1:${server.port}`, transport };
  connection = await openSipConnection(settings, { runtime: createTestRuntime(), trust: createTestTrust() }, signal);
  connection.start();
  await untilTrue(() => connection.run !== undefined);
  await connection.request(
    { method: "PUBLISH", target: "sip:alice@example.com", headers: [["Expires", "60"]], body: "<presence/>" },
    signal,
  );
};

const requestOf = (method: string, changes: Readonly<Record<string, string | undefined>> = {}, body = ""): string => {
  const headers = {
    Via: "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKserver",
    From: "<sip:alice@example.com>;tag=a",
    To: "<sip:gateway@example.com>;tag=b",
    "Call-ID": "call",
    CSeq: `7 ${method}`,
    "Content-Length": String(Buffer.byteLength(body)),
    ...changes,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return `${[`${method} sip:gateway@127.0.0.1 SIP/2.0`, ...lines].join("\r\n")}\r\n\r\n${body}`;
};

const answerTo = async (text: string): Promise<string> => {
  const before = server.others.length;
  server.push(text);
  await untilTrue(() => server.others.length > before);
  return server.others.at(-1)?.start ?? "";
};

beforeEach(() => start("tcp"));
afterEach(async () => {
  await connection.stop();
  await server.stop();
});

describe("requests from the server", () => {
  it("go to the handlers, and the answer repeats what it must (RFC 3261 8.2.6)", async () => {
    const seen: IncomingSipRequest[] = [];
    const remove = connection.onRequest((request) => {
      seen.push(request);
      return { status: 200 };
    });
    expect(await answerTo(requestOf("NOTIFY", { Event: "presence" }, "é"))).toBe("SIP/2.0 200 OK");
    const [request] = seen;
    expect([request?.method, request?.cseq, request?.callId, request?.fromTag, request?.toTag, request?.body]).toEqual([
      "NOTIFY",
      7,
      "call",
      "a",
      "b",
      "é",
    ]);
    const answer = server.others[0];
    expect(answer && headerOf(answer, "Via")).toBe("SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKserver");
    remove();
    expect(await answerTo(requestOf("NOTIFY"))).toBe("SIP/2.0 481 Subscription Does Not Exist");
  });

  it.each([
    ["OPTIONS", "SIP/2.0 200 OK"],
    ["CANCEL", "SIP/2.0 481 Subscription Does Not Exist"],
    ["INVITE", "SIP/2.0 405 Method Not Allowed"],
    ["NEWMETHOD", "SIP/2.0 405 Method Not Allowed"],
  ])("are answered without a handler: %s", async (method, answer) => {
    expect(await answerTo(requestOf(method))).toBe(answer);
  });

  it("get a tag in To where there is none", async () => {
    await answerTo(requestOf("OPTIONS", { To: "<sip:gateway@example.com>" }));
    const [answer] = server.others;
    expect(answer && headerOf(answer, "To")).toMatch(/^<sip:gateway@example\.com>;tag=.+/);
  });

  // After RFC 4475 3.1.2, 3.3 and our own guesses; one after the other on one connection, which must live on.
  it("that are no valid ones are refused, and the connection lives on", async () => {
    const run = connection.run;
    const bad = [
      requestOf("OPTIONS", { CSeq: "7 INVITE" }),
      requestOf("OPTIONS", { CSeq: "36893488147419103232 OPTIONS" }),
      requestOf("OPTIONS", { CSeq: "x OPTIONS" }),
      requestOf("OPTIONS", { From: '"Bell, Alexander <sip:a@example.com>;tag=43' }),
      requestOf("OPTIONS", { To: "<sip:user@example.com", t: undefined }),
      requestOf("OPTIONS", { "Call-ID": "" }),
      requestOf("OPTIONS").replace("SIP/2.0\r\n", "SIP/7.0\r\n"),
      requestOf("OPTIONS").replace("sip:gateway@127.0.0.1", "<sip:gateway@127.0.0.1>"),
      requestOf("OPTIONS").replace("sip:gateway@127.0.0.1", "sip:gateway@127.0.0.1; lr"),
      requestOf("OPTIONS", { Via: "SIP/2.0/UDP 192.0.2.15;;,;,," }),
    ];
    for (const text of bad) expect([text, await answerTo(text)]).toEqual([text, "SIP/2.0 400 Bad Request"]);
    expect(connection.run).toBe(run);
  });

  it("are not answered where they never are, or cannot be", async () => {
    server.push(requestOf("ACK") + requestOf("OPTIONS", { From: undefined }) + requestOf("ACK", { CSeq: "x ACK" }));
    expect(await answerTo(requestOf("OPTIONS"))).toBe("SIP/2.0 200 OK");
    expect(server.others).toHaveLength(1);
  });

  it("survive a handler that throws", async () => {
    const remove = connection.onRequest(() => {
      throw new Error("defect");
    });
    server.push(requestOf("NOTIFY"));
    await untilTrue(() => server.others.length === 0);
    remove();
    expect(await answerTo(requestOf("NOTIFY"))).toContain("481");
  });

  it("come by UDP as well", async () => {
    await connection.stop();
    await server.stop();
    await start("udp");
    server.push("\r\n\r\n");
    server.push("garbage");
    expect(await answerTo(requestOf("OPTIONS"))).toBe("SIP/2.0 200 OK");
  });
});
