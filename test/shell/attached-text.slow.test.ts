import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LOCAL_ADMINISTRATOR } from "../../src/admin/command.ts";
import { readAttachedText } from "../../src/shell/attached-text.ts";
import { listenForControl, sendControl } from "../../src/shell/control-socket.ts";
import { runAs } from "../../src/shell/run-gateway.ts";
import { createCommandStage } from "../admin/command-stage.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "attached-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (name: string, content: string | Buffer): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const LIST = "jid\nalice@example.com\n";

describe("the file that a command names", () => {
  it.each([
    ["users.csv", LIST],
    ["our users.csv", LIST],
    ["big-endian.txt", Buffer.from(`\uFEFF${LIST}`, "utf16le").swap16()],
    ["excel.txt", Buffer.from(`\uFEFF${LIST}`, "utf16le")],
  ])("is read: %s", async (name, content) => {
    expect(await readAttachedText(`user import ${write(name, content)}`)).toBe(LIST);
  });

  it("may be the standard input", async () => {
    expect(await readAttachedText("user import -", Readable.from([Buffer.from("jid\nalice"), "@example.com\n"]))).toBe(
      LIST,
    );
  });

  it.each([
    "user import",
    "user import sample",
    "user import apply 1",
    "user list x",
    "nonsense",
    "user import 'x",
    `user import\n${LIST}`,
  ])("is none in %j", async (line) => {
    expect(await readAttachedText(line)).toBeUndefined();
  });

  it.each([
    ["that is not there", () => join(directory, "absent.csv"), /ENOENT/],
    [
      "that is no text",
      () => write("latin1.csv", Buffer.from("jid\nm\xfcller@example.com", "latin1")),
      /it is neither UTF-8 nor UTF-16 with a mark; save it as “CSV UTF-8”/,
    ],
    ["that is UTF-16 and broken off", () => write("odd.txt", Buffer.from("fffe6a0069", "hex")), /neither UTF-8 nor/],
    ["that is empty", () => write("empty.csv", "\uFEFF\n"), /it is empty/],
    ["that is a directory", () => directory, /EISDIR/],
    ["that is too large", () => write("large.csv", Buffer.alloc(16_777_217, "a")), /larger than 16 MiB/],
  ])("%s is refused by name", async (_case, path, expected) => {
    const failure = readAttachedText(`user import ${path()}`);
    await expect(failure).rejects.toMatchObject({ code: "list-unreadable", message: expect.stringMatching(expected) });
    await expect(failure).rejects.toThrow(path());
  });
});

describe("[U3] a list given on the command line", () => {
  it("goes to the running gateway, which says how far it is", async () => {
    const { services, seed } = createCommandStage();
    await seed();
    const path = join(directory, "socket");
    const close = await listenForControl(path, (request, signal) =>
      runAs(LOCAL_ADMINISTRATOR, services, request, signal),
    );
    const rows = Array.from({ length: 5000 }, (_, index) => `u${index}@example.com`);
    const told: string[] = [];
    const tell = (piece: string): void => void told.push(piece);
    const answer = await sendControl(path, { line: "user import users.csv", text: ["jid", ...rows].join("\n"), tell });
    expect(told).toEqual(["5000 rows are checked."]);
    expect(answer).toMatchObject({ isError: false, text: expect.stringMatching(/^5000 rows: 5000 new/) });
    await close();
  });
});
