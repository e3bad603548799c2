import { expect, test } from "vitest";
import { parseDelta, parseSubscriptionState } from "../../../plugins/clients-sip/subscription-state.ts";

test.each([
  ["active;expires=600", { state: "active", reason: "", expires: 600_000, retryAfter: undefined }],
  [
    "Terminated ; Reason=Probation; retry-after=5",
    { state: "terminated", reason: "probation", expires: undefined, retryAfter: 5000 },
  ],
  ["pending", { state: "pending", reason: "", expires: undefined, retryAfter: undefined }],
  ["waiting;expires=-1", { state: "active", reason: "", expires: undefined, retryAfter: undefined }],
  ["", undefined],
  [";reason=x", undefined],
  ["a b", undefined],
])("Subscription-State %j is read as %j", (text, state) => {
  expect(parseSubscriptionState(text)).toEqual(state);
});

test("no Subscription-State is none", () => {
  expect(parseSubscriptionState(undefined)).toBeUndefined();
});

test.each([
  ["3600", 3_600_000],
  [" 60 (in a minute);duration=5", 60_000],
  ["9999999999", 86_400_000],
  ["99999999999", undefined],
  ["1.5", undefined],
  ["-1", undefined],
  ["", undefined],
])("%j seconds are %j ms", (text, length) => {
  expect(parseDelta(text)).toBe(length);
});
