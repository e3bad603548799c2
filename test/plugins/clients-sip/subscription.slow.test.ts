import fc from "fast-check";
import { expect, test } from "vitest";
import { Subscription } from "../../../plugins/clients-sip/subscription.ts";
import { hours, type Instant, minutes, plus } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { notify, response } from "../../doubles/sip/presence-server.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { anyText } from "../../lib/any-text.ts";
import { ALICE, ALICE_SIP } from "./phones-stage.ts";

const aValue = fc.oneof(anyText, fc.constantFrom("", "0", "1", "60", "3600", "99999999999", "-5", "1e9"));
const aStatus = fc.constantFrom(200, 202, 302, 400, 401, 403, 404, 408, 423, 480, 481, 489, 500, 503, 600, 699);
const aTo = fc.oneof(anyText, fc.constantFrom(`<${ALICE_SIP}>;tag=server`, `<${ALICE_SIP}>`));
const aState = fc.oneof(
  anyText,
  fc.constantFrom(
    "active;expires=600",
    "active",
    "pending",
    "terminated;reason=timeout",
    "terminated;reason=rejected",
    "terminated;reason=probation;retry-after=0",
  ),
);

const anAnswer = fc.record({
  kind: fc.constant("answer" as const),
  status: aStatus,
  to: aTo,
  expires: aValue,
  other: aValue,
});
const aFailure = fc.record({
  kind: fc.constant("failure" as const),
  type: fc.constantFrom("wait" as const, "auth" as const, "modify" as const),
});
const aNotify = fc.record({
  kind: fc.constant("notify" as const),
  cseq: fc.nat({ max: 6 }),
  isOurs: fc.boolean(),
  fromTag: fc.constantFrom("server", "other", ""),
  state: aState,
  contact: aValue,
  body: fc.constantFrom("", "x"),
});

type Event =
  | (typeof anAnswer extends fc.Arbitrary<infer Value> ? Value : never)
  | (typeof aFailure extends fc.Arbitrary<infer Value> ? Value : never)
  | (typeof aNotify extends fc.Arbitrary<infer Value> ? Value : never);

function take(subscription: Subscription, event: Event, now: Instant) {
  const moment = { now, random: 0.5 };
  if (event.kind === "failure")
    return subscription.takeFailure(new GatewayError("no", { type: event.type, code: "x" }), moment);
  if (event.kind === "answer") {
    const { status, to, expires, other } = event;
    const others = ["Min-Expires", "Retry-After", "Contact", "Record-Route"].map((name) => [name, other] as const);
    return subscription.takeAnswer(response(status, [["To", to], ["Expires", expires], ...others]), moment);
  }
  const { cseq, isOurs, fromTag, state, contact, body } = event;
  const { callId } = subscription;
  const headers = [
    ["Event", "presence"],
    ["Subscription-State", state],
    ["Contact", contact],
  ] as const;
  const toTag = isOurs ? callId : "other";
  return subscription.takeNotify(notify({ callId, cseq, fromTag, toTag, headers, body }), moment).next;
}

test("a subscription asks again whatever it is told: never at once for long, never too late, with headers that can be written", () => {
  let made = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(anAnswer, aFailure, aNotify), { maxLength: 30 }), (events) => {
      const terms = { presentity: ALICE, aor: ALICE_SIP, event: "presence" } as const;
      const subscription = new Subscription(terms, () => `id-${++made}`);
      let now = MONDAY_MORNING;
      let atOnce = 0;
      let cseq = 0;
      for (const event of events) {
        if (event.kind !== "notify") {
          const { headers, target } = subscription.begin("<sip:gateway@127.0.0.1>");
          expect(target).toMatch(/^sips?:[\x21-\x7e]+$/);
          const sent = Number.parseInt(headers.find(([name]) => name === "CSeq")?.[1] ?? "", 10);
          expect(sent).toBeGreaterThan(cseq);
          cseq = sent;
        }
        const next = take(subscription, event, now);
        if (!next) continue;
        expect(next.wait).toBeGreaterThanOrEqual(0);
        expect(next.wait).toBeLessThanOrEqual(hours(24));
        atOnce = next.wait === 0 ? atOnce + 1 : 0;
        expect(atOnce).toBeLessThanOrEqual(2);
        if (next.isRefused) expect(subscription.knownUntil).toBeUndefined();
        now = plus(now, Math.min(next.wait, minutes(10)));
      }
    }),
    { numRuns: 5000 },
  );
});
