import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { createFetchIssuer, isPublic } from "../../../src/admin/certificates/fetch-issuer.ts";
import { makePkcs7, makeRoot } from "../../doubles/certificate-maker.ts";
import { listenOnLoopback } from "../../doubles/listen-on-loopback.ts";

const root = makeRoot();
const { signal } = new AbortController();

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  return `http://127.0.0.1:${await listenOnLoopback(server)}/ca.cer`;
}

const fetchPrivate = createFetchIssuer("private");
const refused = { code: "certificate-fetch-refused" };

describe("fetching an issuer's certificate", () => {
  it("[C6] takes DER, PEM and PKCS#7", async () => {
    for (const body of [root.der, root.pem, makePkcs7([root])]) {
      const url = await serve((_request, response) => response.end(body));
      expect((await fetchPrivate([url], signal)).map(({ raw }) => raw.toString("hex"))).toEqual([
        root.der.toString("hex"),
      ]);
    }
  });

  it("tries the next address when one fails", async () => {
    const bad = await serve((_request, response) => response.writeHead(404).end());
    const good = await serve((_request, response) => response.end(root.der));
    expect(await fetchPrivate([bad, good], signal)).toHaveLength(1);
  });

  it("asks nothing of this machine and of private networks unless allowed", async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests++;
      response.end(root.der);
    });
    const urls = [url, url.replace("127.0.0.1", "localhost"), "http://[::1]/", "http://169.254.169.254/latest"];
    const attempt = createFetchIssuer("public")(urls, signal);
    await expect(attempt).rejects.toMatchObject({ ...refused, message: expect.stringMatching(/(only port 80.*){4}/) });
    expect(requests).toBe(0);
  });

  it.each<readonly [string, RequestListener, RegExp]>([
    [
      "a redirection",
      (_request, response) => response.writeHead(302, { location: "http://127.0.0.1/" }).end(),
      /HTTP 302/,
    ],
    ["a web page", (_request, response) => response.end("<html>"), /no certificate/],
    ["more than 1 MiB", (_request, response) => response.end(Buffer.alloc(2_000_000)), /more than 1 MiB/],
    ["a connection that breaks", (request) => request.socket.destroy(), /hang up|reset/],
  ])("refuses %s", async (_what, answer, problem) => {
    const url = await serve(answer);
    await expect(fetchPrivate([url], signal)).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(problem),
    });
  });

  it("ends with the signal when nothing is answered", async () => {
    const stop = new AbortController();
    const url = await serve(() => stop.abort(new Error("given up")));
    await expect(fetchPrivate([url], stop.signal)).rejects.toThrow("given up");
  });
});

describe("public addresses", () => {
  it.each(["8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])("%s is one", (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
    "no address",
  ])("%s is none", (address) => {
    expect(isPublic(address)).toBe(false);
  });
});
