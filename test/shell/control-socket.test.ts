import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Command, LOCAL_ADMINISTRATOR, type ProgressResult } from "../../src/admin/command.ts";
import { listenForControl, sendControl } from "../../src/shell/control-socket.ts";
import { runAs } from "../../src/shell/run-gateway.ts";
import { createCommandStage } from "../admin/command-stage.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "control-"));
  path = join(directory, "socket");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const tell = (): void => undefined;

/** A command whose steps come when the test says so. */
function stepwise(lines: ProgressResult["lines"]): Command {
  const run = async (): Promise<ProgressResult> => ({ kind: "progress", title: "Steps", lines });
  return { name: "step", who: "admin", summary: "", usage: "step", arguments: [], examples: [], run };
}

describe("a command on the command line", () => {
  it("tells each step as it comes, and its failure becomes the exit code", async () => {
    let goOn = (): void => undefined;
    const heard = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const command = stepwise(
      (async function* () {
        yield "ok: DNS — ✓";
        await heard; // what was said is with the caller already, or this never ends
        return { kind: "text", text: "1 of 2 steps failed.", hasFailed: true } as const;
      })(),
    );
    const { services } = createCommandStage();
    const close = await listenForControl(path, (request, signal) =>
      runAs(LOCAL_ADMINISTRATOR, { ...services, commands: [command] }, request, signal),
    );
    const told: string[] = [];
    const answer = await sendControl(path, {
      line: "step",
      tell: (piece) => {
        told.push(piece);
        if (told.length === 2) goOn();
      },
    });
    expect(told).toEqual(["Steps", "ok: DNS — ✓"]);
    expect(answer).toEqual({ isError: true, text: "1 of 2 steps failed." });
    await close();
  });

  it("is answered with one text where nothing takes its time", async () => {
    const { services } = createCommandStage();
    const close = await listenForControl(path, (request, signal) =>
      runAs(LOCAL_ADMINISTRATOR, services, request, signal),
    );
    expect(await sendControl(path, { line: "gateway list", tell })).toMatchObject({ isError: false });
    expect(await sendControl(path, { line: "nonsense", tell })).toMatchObject({ isError: true });
    await close();
  });

  it("says that the gateway has ended, where that broke it off", async () => {
    let isAsked = false;
    const close = await listenForControl(path, () => {
      isAsked = true;
      return new Promise(() => undefined);
    });
    const answer = sendControl(path, { line: "user import apply 1", tell });
    answer.catch(() => undefined);
    await expect.poll(() => isAsked, { interval: 5, timeout: 2000 }).toBe(true);
    await close();
    await expect(answer).rejects.toMatchObject({
      code: "control-unavailable",
      message: expect.stringContaining("ended before it had answered"),
    });
  });

  it("may span lines, and what is no request is answered as an error", async () => {
    const close = await listenForControl(path, async ({ line, text }) => ({ isError: false, text: `${line}|${text}` }));
    const answer = await sendControl(path, { line: "a\nb", text: "c\r\nd", tell });
    expect(answer).toEqual({ isError: false, text: "a\nb|c\r\nd" });
    expect(await sayRaw("status\n")).toMatch(/^\{"isError":true/);
    expect(await sayRaw('{"line":1}\n')).toMatch(/^\{"isError":true/);
    await close();
  });
});

const sayRaw = (text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = createConnection(path);
    let said = "";
    socket.on("data", (data: Buffer) => {
      said += data.toString();
    });
    socket.on("close", () => resolve(said));
    socket.write(text);
  });
