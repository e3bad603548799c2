/**
 * A presence server in a process of its own: takes PUBLISH over TCP, answers at once, and keeps what it must to say in
 * the end whether every user has exactly one publication, the newest, with an entity tag of their own.
 */
import { createServer, type Socket } from "node:net";
import type { SipReport } from "./sip-protocol.ts";

const tell = (report: SipReport): void => void process.send?.(report);
const held = new Map<string, { tag: string; isMeeting: boolean }>();
let [count, wrong, doubled] = [0, 0, 0];

const fieldOf = (head: string, name: string): string => {
  const start = head.indexOf(`\r\n${name}: `);
  if (start < 0) return "";
  const from = start + name.length + 4;
  const end = head.indexOf("\r\n", from);
  return head.slice(from, end < 0 ? undefined : end);
};

function publish(head: string, body: string): string {
  const aor = head.slice("PUBLISH ".length, head.indexOf(" SIP/2.0"));
  const given = fieldOf(head, "SIP-If-Match");
  const before = held.get(aor);
  if (given === "" && before) doubled++;
  if (given !== "" && given !== before?.tag) wrong++;
  if (!body.includes(`entity="${aor}"`)) wrong++;
  const tag = `${aor.slice(4, aor.indexOf("@"))}.${++count}`;
  held.set(aor, { tag, isMeeting: body.includes("<rpid:meeting/>") });
  const copied = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => `${name}: ${fieldOf(head, name)}`);
  return `SIP/2.0 200 OK\r\n${copied.join("\r\n")}\r\nSIP-ETag: ${tag}\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n`;
}

function serve(socket: Socket): void {
  let rest = "";
  socket.setNoDelay(true).on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    rest += chunk.toString("latin1");
    let answers = "";
    for (;;) {
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) break;
      const head = rest.slice(0, end);
      const length = Number(fieldOf(head, "Content-Length"));
      if (rest.length < end + 4 + length) break;
      if (head.startsWith("PUBLISH ")) answers += publish(head, rest.slice(end + 4, end + 4 + length));
      rest = rest.slice(end + 4 + length);
    }
    if (answers !== "") socket.write(answers);
  });
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") tell({ kind: "listening", port: address.port });
});
process.on("message", () => {
  const meetings = [...held.values()].filter(({ isMeeting }) => isMeeting).length;
  tell({ kind: "held", users: held.size, meetings, wrong, doubled });
});
process.on("disconnect", () => process.exit());
