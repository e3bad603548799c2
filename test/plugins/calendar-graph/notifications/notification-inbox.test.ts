import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GraphNotification } from "../../../../plugins/calendar-graph/notifications/decode-notifications.ts";
import { receiveNotification } from "../../../../plugins/calendar-graph/notifications/notification-inbox.ts";
import type { NotificationAnswer } from "../../../../src/ports/notification-listener.ts";

function receive(
  body: string | Uint8Array,
  query?: string,
): { readonly answer: NotificationAnswer; readonly taken: readonly GraphNotification[] } {
  const taken: GraphNotification[] = [];
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const notification = { headers: new Map(), body: bytes, ...(query !== undefined && { query }) };
  return { answer: receiveNotification(notification, (each) => taken.push(each)), taken };
}
const one = (more: object): string =>
  JSON.stringify({ value: [{ subscriptionId: "1", clientState: "s", changeType: "updated", ...more }] });

describe("what is posted to the webhook", () => {
  it("to validate it comes back decoded, as text/plain whatever it looks like", () => {
    const token = "<script>alert('x')</script> a+b & ümlaut";
    const { answer, taken } = receive("", `a=1&validationToken=${encodeURIComponent(token)}`);
    expect(answer).toEqual({ status: 200, contentType: "text/plain", body: token });
    expect(taken).toEqual([]);
    expect(receive("", "validationToken=a%20b+c").answer.body).toBe("a b c");
    expect(receive("", `validationToken=${"x".repeat(5000)}`).answer.status).toBe(400);
  });

  it.each([
    ["a change", {}, "changed"],
    ["missed ones", { lifecycleEvent: "missed" }, "missed"],
    ["a removal", { lifecycleEvent: "subscriptionRemoved" }, "removed"],
    ["a challenge", { lifecycleEvent: "reauthorizationRequired" }, "reauthorize"],
    ["what came later than this program", { lifecycleEvent: "somethingNew" }, "missed"],
  ])("tells of %s", (_, more, event) => {
    const { answer, taken } = receive(one(more));
    expect(answer).toEqual({ status: 202, contentType: "text/plain", body: "" });
    expect(taken).toEqual([{ subscriptionId: "1", clientState: "s", event }]);
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "<value/>"],
    ["no collection", "[]"],
    ["a collection of none", '{"value":7}'],
    ["bytes that are not UTF-8", Uint8Array.of(0xff, 0xfe, 0x7b)],
    ["brackets without end", "[".repeat(200_000)],
  ])("that is %s is refused", (_, body) => {
    expect(receive(body)).toMatchObject({ answer: { status: 400, body: "" }, taken: [] });
  });

  it.each([
    ["a clientState that is too long", { clientState: "x".repeat(129) }],
    ["no clientState", { clientState: undefined }],
    ["an id that is a number", { subscriptionId: 1 }],
    ["an id of the prototype's", { subscriptionId: { toString: "1" } }],
  ])("with %s is accepted and left out", (_, more) => {
    expect(receive(one(more))).toMatchObject({ answer: { status: 202 }, taken: [] });
  });

  it("is answered, whatever it is, and never throws", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        fc.string(),
        (body, query) => {
          expect([200, 202, 400]).toContain(receive(body, query).answer.status);
        },
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.anything()), (value) => {
        expect(receive(JSON.stringify({ value })).answer.status).toBe(202);
      }),
    );
  });
});
