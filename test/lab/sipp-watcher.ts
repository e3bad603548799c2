import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SIPP = "/usr/bin/sipp";

/** What is missing for sipp; undefined: nothing. */
export const whatSippLacks = (): string | undefined =>
  existsSync(SIPP) ? undefined : "sipp is missing: apt-get install sip-tester";

/** How sipp ended: 0 when it has seen what it waited for. */
export interface SippVerdict {
  readonly code: number | null;
  readonly output: string;
}

const HEAD = `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70`;

const REPLY = `<![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]>`;

/** Waits for a NOTIFY with a meeting, then for one without. Tests go by names in the text: sipp takes no < there. */
const scenarioOf = (aor: string): string => `<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="watcher">
  <send retrans="500"><![CDATA[

SUBSCRIBE ${aor} SIP/2.0
${HEAD}
From: <sip:watcher@example.test>;tag=[call_number]w
To: <${aor}>
Call-ID: [call_id]
CSeq: 1 SUBSCRIBE
Contact: <sip:watcher@[local_ip]:[local_port]>
Event: presence
Accept: application/pidf+xml
Expires: 600
Content-Length: 0

]]></send>
  <recv response="200"/>
  <label id="1"/>
  <recv request="NOTIFY"><action>
    <ereg regexp="rpid:meeting" search_in="msg" assign_to="meeting"/>
  </action></recv>
  <send next="2" test="meeting">${REPLY}</send>
  <nop next="1"/>
  <label id="2"/>
  <recv request="NOTIFY"><action>
    <ereg regexp="rpid:meeting" search_in="msg" assign_to="still"/>
  </action></recv>
  <send next="2" test="still">${REPLY}</send>
</scenario>
`;

/** Lets sipp watch the AOR from a meeting's start to its end, at most this many seconds. */
export function watchMeetingWithSipp(
  { aor, serverPort, localPort }: { readonly aor: string; readonly serverPort: number; readonly localPort: number },
  limit: number,
): Promise<SippVerdict> {
  const directory = mkdtempSync(join(tmpdir(), "sipp-"));
  const scenario = join(directory, "watcher.xml");
  writeFileSync(scenario, scenarioOf(aor));
  const address = ["-i", "127.0.0.1", "-p", String(localPort)];
  const bounds = ["-m", "1", "-nostdin", "-timeout", `${limit}s`, "-timeout_error", "-trace_err"];
  return new Promise((resolve) => {
    const sipp = spawn(SIPP, [`127.0.0.1:${serverPort}`, "-sf", scenario, ...address, ...bounds], { cwd: directory });
    let output = "";
    const take = (bytes: Buffer): void => {
      output = `${output}${bytes.toString()}`.slice(-4000);
    };
    sipp.stdout.on("data", take);
    sipp.stderr.on("data", take);
    sipp.once("error", (error) => resolve({ code: null, output: error.message }));
    sipp.once("close", (code) => {
      rmSync(directory, { recursive: true, force: true });
      resolve({ code, output });
    });
  });
}
