import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const RESPONDER = `<?xml version="1.0"?>
<scenario name="responder">
  <recv request="PUBLISH"/>
  <send><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=r[call_number]
[last_Call-ID:]
[last_CSeq:]
SIP-ETag: t[call_number]
Expires: 3600
Content-Length: 0

]]></send>
</scenario>
`;

const requestOf = (body: string): string => `<?xml version="1.0"?>
<scenario name="publisher">
  <send><![CDATA[

PUBLISH sip:u[call_number]@example.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:u[call_number]@example.test>;tag=[call_number]
To: <sip:u[call_number]@example.test>
Call-ID: [call_id]
CSeq: 1 PUBLISH
Contact: <sip:gateway@[local_ip]:[local_port];transport=[transport]>
Event: presence
Expires: 3600
Content-Type: application/pidf+xml
Content-Length: [len]

${body.replaceAll("]]>", "")}
]]></send>
  <recv response="200"/>
</scenario>
`;

/** True when sipp (Debian package sip-tester) is installed. */
export function hasSipp(): boolean {
  try {
    execFileSync("sipp", ["-v"], { stdio: "ignore" });
    return true;
  } catch (error) {
    // It says its version with another exit status than 0.
    return error instanceof Error && "status" in error && error.status !== null && error.status !== undefined;
  }
}

/** sipp as a responder to PUBLISH, over TCP. */
export class SippResponder {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  static async start(folder: string, port: number): Promise<SippResponder> {
    const scenario = join(folder, "responder.xml");
    writeFileSync(scenario, RESPONDER);
    const child = spawnSipp(folder, ["-sf", scenario, "-i", "127.0.0.1", "-p", String(port), "-t", "t1", "-nostdin"]);
    for (let tries = 0; !(await isListening(port)); tries++) {
      if (tries > 100) throw new Error("the responder of sipp does not listen");
      await pause(50);
    }
    return new SippResponder(port, child);
  }

  /** How many publications a second sipp sends to it and has answered. */
  async measure(folder: string, count: number, body: string): Promise<number> {
    const scenario = join(folder, "publisher.xml");
    writeFileSync(scenario, requestOf(body));
    const limits = ["-r", "100000", "-l", "1000", "-m", String(count), "-nostdin", "-nd"];
    const began = performance.now();
    const child = spawnSipp(folder, [
      "-sf",
      scenario,
      "-i",
      "127.0.0.1",
      "-t",
      "t1",
      ...limits,
      `127.0.0.1:${this.port}`,
    ]);
    const status = await new Promise((resolve) => child.once("exit", resolve));
    if (status !== 0) throw new Error(`sipp ended with ${status}`);
    return (count * 1000) / (performance.now() - began);
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGKILL");
    await ended;
  }
}

const spawnSipp = (cwd: string, options: readonly string[]): ChildProcess =>
  spawn("sipp", options, { cwd, stdio: "ignore", env: { ...process.env, TERM: "dumb" } });

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
