import { describe, expect, test } from "vitest";
import { applyCalls, decodeDialogInfo } from "../../../../plugins/shared-sip/documents/decode-dialog-info.ts";
import { GatewayError } from "../../../../src/ports/errors.ts";

const info = (state: string, dialogs: Readonly<Record<string, string>>): string =>
  `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="${state}" entity="sip:alice@example.com">${Object.entries(
    dialogs,
  )
    .map(([id, each]) => `<dialog id="${id}" direction="initiator"><state>${each}</state></dialog>`)
    .join("")}</dialog-info>`;

const talkingAfter = (...texts: readonly string[]): string[] =>
  [
    ...texts.reduce<ReadonlySet<string>>((talking, text) => applyCalls(talking, decodeDialogInfo(text)), new Set()),
  ].sort();

describe("calls", () => {
  test.each(["trying", "proceeding", "early", "terminated", "", "confirmed?"])("do not count while %j", (state) => {
    expect(talkingAfter(info("full", { a: state }))).toEqual([]);
  });

  test("count from when somebody talks until all have ended, each by its own id", () => {
    const begun = [info("full", { a: "confirmed", b: "early" }), info("partial", { b: "confirmed" })];
    expect(talkingAfter(...begun)).toEqual(["a", "b"]);
    expect(talkingAfter(...begun, info("partial", { a: "terminated" }))).toEqual(["b"]);
    expect(talkingAfter(...begun, info("partial", { a: "terminated", b: "terminated" }))).toEqual([]);
  });

  test("are replaced by a full document, an empty one too", () => {
    expect(talkingAfter(info("full", { a: "confirmed" }), info("full", { c: "confirmed" }))).toEqual(["c"]);
    expect(talkingAfter(info("full", { a: "confirmed" }), info("full", {}))).toEqual([]);
  });

  test("stay the same set when nothing has changed", () => {
    const talking = new Set(["a"]);
    expect(applyCalls(talking, decodeDialogInfo(info("full", { a: "confirmed" })))).toBe(talking);
  });

  test("are bounded", () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`c${index}`, "confirmed"]));
    expect(talkingAfter(info("full", many))).toHaveLength(50);
  });

  test("in another document are an error of ours", () => {
    expect(() => decodeDialogInfo('<presence xmlns="urn:ietf:params:xml:ns:pidf"/>')).toThrow(GatewayError);
  });
});
