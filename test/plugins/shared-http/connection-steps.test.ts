import { describe, expect, test } from "vitest";
import { withClocks } from "../../../plugins/shared-http/connection-steps.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";

const dateAfter = (seconds: number): string => new Date(MONDAY_MORNING + seconds * 1000).toUTCString();

describe("two clocks", () => {
  test.each([
    ["the same time", dateAfter(0)],
    ["what an answer's way takes", dateAfter(-29)],
    ["no time", undefined],
    ["no time that can be read", "soon"],
  ])("are in order: %s", (_name, date) => {
    expect(withClocks("answers", date, MONDAY_MORNING)).toBe("answers");
  });

  test.each([
    ["behind", dateAfter(300), "300 s behind the server's"],
    ["ahead", dateAfter(-31), "31 s ahead of the server's"],
  ])("differ: this machine's is %s", (_name, date, words) => {
    expect(withClocks("answers", date, MONDAY_MORNING)).toEqual({
      detail: `answers; this machine's clock is ${words}: meetings begin and end by it; set both by NTP`,
      isWarning: true,
    });
  });
});
