import { beforeEach, describe, expect, it } from "vitest";
import {
  type ClientTransaction,
  ClientTransactions,
  type TransactionEnd,
} from "../../../plugins/shared-sip/client-transactions.ts";
import { SipMessage } from "../../../plugins/shared-sip/sip-message.ts";
import { instant } from "../../../src/lib/time.ts";

const START = instant(0);
let transactions: ClientTransactions;
let ends: (number | "timeout")[];
let sentAt: number[];
let now: number;

const begin = (branch: string, transport: "udp" | "tcp"): void => {
  const transaction: ClientTransaction = {
    branch,
    method: "PUBLISH",
    cseq: 1,
    callId: "c1",
    fromTag: "t1",
    retransmit: transport === "udp" ? () => sentAt.push(now) : undefined,
    end: (end: TransactionEnd) => ends.push(end === "timeout" ? end : end.status),
  };
  transactions.add(transaction, START);
};

interface Parts {
  readonly status?: string;
  readonly branch?: string;
  readonly cseq?: string;
  readonly callId?: string;
  readonly tag?: string;
}

const response = ({ status = "200 OK", branch = "z9hG4bKa", cseq = "1 PUBLISH", callId = "c1", tag = "t1" }: Parts) =>
  SipMessage.parse(
    [
      `SIP/2.0 ${status}`,
      `Via: SIP/2.0/TCP 127.0.0.1:5060;rport=5060;branch=${branch}`,
      `From: "x;tag=no" <sip:alice@example.com;tag=no>;tag=${tag}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq}`,
    ].join("\r\n"),
  );

const passUntil = (end: number): void => {
  for (now = 0; now <= end; now += 100) transactions.tick(instant(now));
};

beforeEach(() => {
  transactions = new ClientTransactions();
  ends = [];
  sentAt = [];
});

describe("non-INVITE client transactions (RFC 3261 17.1.2)", () => {
  it("send again by timer E and give up by timer F, on UDP", () => {
    begin("z9hG4bKa", "udp");
    passUntil(40_000);
    expect(sentAt).toEqual([500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(ends).toEqual(["timeout"]);
    expect(transactions.size).toBe(0);
  });

  it("send once, and give up by timer F, on TCP", () => {
    begin("z9hG4bKa", "tcp");
    passUntil(31_900);
    expect(ends).toEqual([]);
    passUntil(32_000);
    expect(ends).toEqual(["timeout"]);
  });

  it("send again every four seconds after a provisional response", () => {
    begin("z9hG4bKa", "udp");
    expect(transactions.receive(response({ status: "100 Trying" }), START)).toBeUndefined();
    passUntil(9000);
    expect(sentAt).toEqual([4000, 8000]);
    expect(ends).toEqual([]);
  });

  it("end with the first final response", () => {
    begin("z9hG4bKa", "udp");
    expect(transactions.receive(response({}), START)).toBeUndefined();
    expect(transactions.receive(response({}), START)).toBe("unknown-branch");
    expect(ends).toEqual([200]);
  });

  it.each([
    ["another branch", { branch: "z9hG4bKb" }, "unknown-branch"],
    ["another number", { cseq: "2 PUBLISH" }, "other-request"],
    ["another method", { cseq: "1 SUBSCRIBE" }, "other-request"],
    ["another call", { callId: "c2" }, "other-request"],
    ["another tag", { tag: "t2" }, "other-request"],
    ["no status", { status: "abc" }, "malformed"],
    ["a status beyond all", { status: "700 X" }, "malformed"],
  ])("are not ended by a response with %s", (_, parts, why) => {
    begin("z9hG4bKa", "tcp");
    expect(transactions.receive(response(parts), START)).toBe(why);
    expect(ends).toEqual([]);
  });
});
