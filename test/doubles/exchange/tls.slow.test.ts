import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTlsAuthority, type IssuedCertificate, type TlsAuthority } from "../tls-authority.ts";
import { type SimulatedExchange, startExchange } from "./exchange.ts";

const DAY = 86_400_000;
const running: SimulatedExchange[] = [];
let authority: TlsAuthority;

beforeAll(() => {
  authority = createTlsAuthority();
});

afterAll(() => Promise.all(running.map((exchange) => exchange.stop())));

/** Connects as a client and returns why it does not trust the server, if it does not. */
async function distrust(
  tls: IssuedCertificate,
  trust: { readonly ca?: string } = { ca: authority.caPem },
): Promise<string | undefined> {
  const exchange = await startExchange({ accounts: [], tls });
  running.push(exchange);
  expect(exchange.url).toMatch(/^https:\/\/localhost:\d+\/EWS\/Exchange\.asmx$/);
  const socket: TLSSocket = connect({
    port: Number(new URL(exchange.url).port),
    host: "127.0.0.1",
    servername: "localhost",
    ...trust,
  });
  try {
    await once(socket, "secureConnect");
    return undefined;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

describe("EWS over TLS", () => {
  it("is trusted by a client that knows the authority, and by no other", async () => {
    const right = authority.issue({ names: ["localhost", "127.0.0.1"] });
    expect(await distrust(right)).toBeUndefined();
    expect(await distrust(right, {})).toMatch(/^UNABLE_TO_VERIFY/);
  });

  it("is not trusted with an expired certificate or one of another name", async () => {
    const expired = authority.issue({ names: ["localhost"], notAfter: new Date(Date.now() - DAY / 2) });
    expect(await distrust(expired)).toBe("CERT_HAS_EXPIRED");
    expect(await distrust(authority.issue({ names: ["mail.example.com"] }))).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });
});
