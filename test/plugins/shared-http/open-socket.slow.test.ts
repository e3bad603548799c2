import { getEventListeners, once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSocket } from "../../../plugins/shared-http/open-socket.ts";
import { listenOnLoopback } from "../../doubles/listen-on-loopback.ts";

const HOST = "127.0.0.1";
const TOO_LATE = new Error("too late");

/** Takes connections and says nothing. */
let server: Server;
let port: number;
let accepted: Socket[];
let control: AbortController;

beforeEach(async () => {
  accepted = [];
  control = new AbortController();
  server = createServer((socket) => accepted.push(socket.on("error", () => undefined).resume()));
  port = await listenOnLoopback(server);
});
afterEach(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
});

describe("a connection", () => {
  it("is open, and leaves nothing on the signal and no listener for errors of its own", async () => {
    const socket = await openSocket({ host: HOST, port }, undefined, control.signal);
    expect(socket.remotePort).toBe(port);
    expect(getEventListeners(control.signal, "abort")).toEqual([]);
    expect(socket.listenerCount("error")).toBe(0);
    socket.destroy();
  });

  it("is given up with the signal's reason while the server does not answer, and closed", async () => {
    const opening = openSocket({ host: HOST, port }, { rejectUnauthorized: true }, control.signal);
    const [taken]: Socket[] = await once(server, "connection");
    const gone = taken && once(taken, "close");
    control.abort(TOO_LATE);
    await expect(opening).rejects.toBe(TOO_LATE);
    await gone;
    await expect(openSocket({ host: HOST, port }, undefined, control.signal)).rejects.toBe(TOO_LATE);
    expect(accepted).toHaveLength(1);
  });

  it("fails with the error of the system", async () => {
    server.close();
    await once(server, "close");
    const opening = openSocket({ host: HOST, port }, undefined, control.signal);
    await expect(opening).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(getEventListeners(control.signal, "abort")).toEqual([]);
  });
});
